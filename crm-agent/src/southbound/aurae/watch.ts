import { deferred } from '@edgeplane/base';
import type { PodExtensionWatchResponse } from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension-service.js';
import type { RpcContext, Send } from '@edgeplane/rpc';
import { specHash } from '../../engines/podman/index.js';
import type { ExtensionParts } from './extension-parts.js';
import { goneStatus } from './pod-status.js';

const PRESENT = 1;
const GONE = 2;
const SNAPSHOT_END = 3;

/**
 * The pods there are, then each that changes, until the caller leaves. One that changes often while the caller reads slowly
 * is sent once, as it is then.
 */
export async function watchPods(
  { service, table }: Pick<ExtensionParts, 'service' | 'table'>,
  podName: string,
  send: Send<PodExtensionWatchResponse>,
  context: RpcContext,
): Promise<void> {
  const only = podName === '' ? undefined : service.podFor(context, podName).keyJson;
  const sent = new Map<string, string>();
  const dirty = new Set<string>();
  let wake = deferred<void>();
  const ignore = table.listen((keyJson) => {
    dirty.add(keyJson);
    wake.resolve();
  });
  const leave = () => wake.resolve();
  context.signal.addEventListener('abort', leave, { once: true });
  const tell = async (keyJson: string) => {
    const pod = service.visible(context).find((each) => each.keyJson === keyJson);
    if (only !== undefined && keyJson !== only) return;
    if (!pod) {
      if (sent.delete(keyJson)) await send({ kind: GONE, status: goneStatus(keyJson) });
      return;
    }
    const status = await service.status(pod);
    const hash = specHash(
      JSON.stringify(status, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    );
    if (sent.get(keyJson) === hash) return;
    sent.set(keyJson, hash);
    await send({ kind: PRESENT, status });
  };
  try {
    for (const { keyJson } of service.visible(context)) await tell(keyJson);
    await send({ kind: SNAPSHOT_END, status: undefined });
    while (!context.signal.aborted) {
      await wake.promise;
      wake = deferred<void>();
      for (const keyJson of [...dirty]) {
        dirty.delete(keyJson);
        if (context.signal.aborted) return;
        await tell(keyJson);
      }
      if (context.signal.aborted) return;
    }
  } finally {
    ignore();
    context.signal.removeEventListener('abort', leave);
  }
}
