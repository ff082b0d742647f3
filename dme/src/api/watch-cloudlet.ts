import { OBJECTS } from '@edgeplane/objects';
import {
  FindCloudletReply,
  FindCloudletRequest,
  WatchCloudletUpdate_Reason as Reason,
  type WatchCloudletRequest,
  type WatchCloudletUpdate,
} from '@edgeplane/proto/dme/app-client.js';
import type { RpcContext, Send } from '@edgeplane/rpc';
import type { Instance } from '../instance.js';
import { DEVELOPER_OPERATOR, PUBLIC_CLOUDS } from '../reserved.js';
import type { Watcher } from '../watchers.js';
import { asked } from './asked.js';
import type { Engine } from './engine.js';
import { answer } from './find-cloudlet.js';

/** However quiet it is, a watch looks at its cookie this often, and at what is not told of, such as round trips; milliseconds. */
const LOOK_MS = 60_000;

/**
 * Tells a client which instance is the one to connect to, and again whenever that is another one or has changed. A client
 * that reads slowly is told how it is then, not how it came to be. Ends when the cookie is no longer good.
 * @throws EdgeplaneError BAD_COOKIE, and as FindCloudlet; TOO_MANY_WATCHERS; ENGINE_STOPPING
 */
export async function watchCloudlet(
  engine: Engine,
  { find, currentFqdn }: WatchCloudletRequest,
  send: Send<WatchCloudletUpdate>,
  context: RpcContext,
): Promise<void> {
  const { table, sessions, watchers, clock, gate } = engine;
  const { signal } = context;
  await gate.refusal(context, clock.monotonic());
  const request = find ?? FindCloudletRequest.create();
  const checked = await sessions.check(request.sessionCookie).catch((error) => gate.bad(error, context));
  const { app: own } = checked.session;
  const app = OBJECTS.App.keyJson(asked(table, request, own).app);
  const carriers = [...new Set([request.carrierName, ...PUBLIC_CLOUDS, DEVELOPER_OPERATOR])];
  const watcher = watchers.add(app, carriers);
  const tell = () => watcher.tell();
  signal.addEventListener('abort', tell, { once: true });
  try {
    let last: Told | undefined;
    while (!signal.aborted) {
      const { exp } = await sessions.check(request.sessionCookie);
      const { reply, instance } = answer(engine, request, asked(table, request, own));
      const told: Told = { instance, encoded: Buffer.from(FindCloudletReply.encode(bare(reply)).finish()) };
      const reason = last
        ? reasonFor(last, told, (name) => table.isOffered(name))
        : firstReason(reply, currentFqdn);
      last = told;
      if (reason !== undefined) await send({ reason, found: reply });
      // It is good through the whole second.
      await changedOrLate(watcher, clock, Math.min(LOOK_MS, (exp + 1) * 1000 - clock.now()));
    }
  } finally {
    signal.removeEventListener('abort', tell);
    watchers.remove(watcher, app, carriers);
  }
}

interface Told {
  readonly instance: Instance | undefined;
  /** The answer, without candidates: those come and go without its being another one. */
  readonly encoded: Buffer;
}

function bare({ ver, status, fqdn, ports, cloudletLocation }: FindCloudletReply): FindCloudletReply {
  return { ver, status, fqdn, ports, cloudletLocation, candidates: [] };
}

function firstReason({ fqdn }: FindCloudletReply, current: string): Reason | undefined {
  return current !== '' && fqdn === current ? undefined : Reason.WATCH_FIRST;
}

/** Undefined when there is nothing to tell. */
function reasonFor(last: Told, now: Told, isThere: (name: string) => boolean): Reason | undefined {
  if (last.instance?.name === now.instance?.name)
    return last.encoded.equals(now.encoded) ? undefined : Reason.WATCH_CHANGED;
  if (!last.instance) return Reason.WATCH_BETTER;
  return isThere(last.instance.name) ? Reason.WATCH_BETTER : Reason.WATCH_REPLACED;
}

async function changedOrLate(watcher: Watcher, clock: Engine['clock'], ms: number): Promise<void> {
  const cancel = clock.after(ms, () => watcher.tell());
  try {
    await watcher.changed();
  } finally {
    cancel();
  }
}
