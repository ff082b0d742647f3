import { fail } from '@edgeplane/base';
import { cloudletStateProtoName, isUsable } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import { type CloudletKey, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { isDefaultCloudlet } from '../names.js';

/**
 * Refuses work for a cloudlet without a working agent (controller spec section 16.1).
 * @throws EdgeplaneError CLOUDLET_NOT_READY
 */
export function requireReady(context: ControllerContext, key: CloudletKey | undefined): void {
  if (isDefaultCloudlet(key)) return;
  const keyJson = OBJECTS.Cloudlet.keyJson(key ?? { operatorKey: undefined, name: '' });
  const state =
    context.caches.cloudletInfos.get(keyJson)?.value.state ?? CloudletState.CLOUDLET_STATE_NOT_PRESENT;
  if (isUsable(state)) return;
  throw fail(controllerErrors.CLOUDLET_NOT_READY, {
    key: cloudletKeyText(key),
    state: cloudletStateProtoName(state),
  });
}

/** A cloudlet key as compact protobuf text: each member with a space after it. */
export function cloudletKeyText(key: CloudletKey | undefined): string {
  const member = (name: string, value: string) => (value === '' ? '' : `${name}:"${escapeText(value)}" `);
  return `operator_key:<${member('name', key?.operatorKey?.name ?? '')}> ${member('name', key?.name ?? '')}`;
}

function escapeText(text: string): string {
  const named: Readonly<Record<string, string>> = {
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '"': '\\"',
    '\\': '\\\\',
  };
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      if (named[char] !== undefined) return named[char];
      return byte >= 0x20 && byte < 0x7f ? char : `\\${byte.toString(8).padStart(3, '0')}`;
    })
    .join('');
}
