/**
 * A process with a notify server, for tests that look at its memory: it is told what to do, and tells how it is, by
 * messages. Its first argument are its limits, as JSON.
 */
import { createLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { NotifyLimits } from './limits.js';
import { ObjectTable } from './object-table.js';
import { NotifyServer } from './server.js';
import { make, table } from './testing.js';
import type { NotifyCounters, Receiver } from './types.js';

/** What a host is asked. */
export type HostRequest =
  /** Puts flavors `from` to `to`, with names of so many letters. */
  | { readonly change: { from: number; to: number; letters: number } }
  | { readonly report: true }
  /** From now on reports are being handled until this says that they are not. */
  | { readonly holdUp: boolean };

/** How a host is. */
export interface HostReport {
  /** Of all of its memory, after a collection. */
  readonly bytes: number;
  readonly peers: number;
  readonly counters: NotifyCounters;
  /** Warnings, errors and reasons since the last report. */
  readonly lines: readonly string[];
}

/** Takes reports and keeps none; while it is held up, it does not come to an end with one. */
function nodes() {
  let held: Promise<void> | undefined;
  let goOn = () => {};
  const receiver: Receiver = {
    type: OBJECTS.Node as never,
    onUpdate: () => held,
    onDelete: () => undefined,
  };
  return {
    receiver,
    holdUp(on: boolean) {
      goOn();
      held = undefined;
      if (on)
        held = new Promise((resolve) => {
          goOn = resolve;
        });
    },
  };
}

/** Memory in use after collections, between which what was found is freed. */
async function collected(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function host(send: (message: unknown) => void): Promise<void> {
  let lines: string[] = [];
  const logger = createLogger({ name: 'host', destination: { write: (line) => void lines.push(line) } });
  const flavors = table('Flavor');
  const { receiver, holdUp } = nodes();
  const server = new NotifyServer({
    sources: [flavors as never],
    receivers: [receiver, new ObjectTable(OBJECTS.CloudletInfo) as never],
    messageReceivers: [],
    logger,
    maxVersion: 2,
    limits: JSON.parse(process.argv[2] ?? '{}') as Partial<NotifyLimits>,
  });
  const address = await server.listen('127.0.0.1:0');
  process.on('message', (request: HostRequest) => {
    if ('change' in request) {
      const { from, to, letters } = request.change;
      for (let i = from; i < to; i++) flavors.put(make.flavor(`${i} ${'x'.repeat(letters)}`));
      return;
    }
    if ('holdUp' in request) return holdUp(request.holdUp);
    void collected().then((bytes) => {
      send({ bytes, peers: server.peers().length, counters: server.counters, lines });
      lines = [];
    });
  });
  process.on('disconnect', () => process.exit());
  send({ address });
}

await host((message) => void process.send?.(message));
