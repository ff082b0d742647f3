import type { MirroredTable } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { AppTable } from './tables.js';

/** What a table holds, as a mirror of it takes that: by type, Apps first, each object in the bytes in which it came. */
export function mirroredTables(table: AppTable): MirroredTable[] {
  const wire = (held: Uint8Array) => held;
  const of = (name: 'App' | 'AppInst') => (listener: (keyJson: string) => void) =>
    table.follow((type, keyJson) => {
      if (type === name) listener(keyJson);
    });
  return [
    {
      type: OBJECTS.App as unknown as MirroredTable['type'],
      keys: () => table.appKeys(),
      get: (keyJson) => table.appWire(keyJson),
      encode: wire,
      subscribe: of('App'),
    },
    {
      type: OBJECTS.AppInst as unknown as MirroredTable['type'],
      keys: () => table.instanceKeys(),
      get: (keyJson) => table.instance(keyJson),
      encode: ({ wire: bytes }: { readonly wire: Uint8Array }) => bytes,
      subscribe: of('AppInst'),
    },
  ];
}

/** Puts an object that a mirror has given back into its table. */
export function putMirrored(
  table: AppTable,
  { type, object, keyJson, bytes }: { type: string; object: unknown; keyJson: string; bytes: Uint8Array },
): void {
  if (type === OBJECTS.App.name) table.putApp(object as App, keyJson, bytes);
  if (type === OBJECTS.AppInst.name) table.putInst(object as AppInst, keyJson, bytes);
}
