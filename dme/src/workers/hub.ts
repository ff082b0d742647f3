import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@edgeplane/base';
import { type MessageReceiver, NotifyServer, ObjectTable, type SendSource } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { mirroredTables } from '../mirrored.js';
import type { AppTable } from '../tables.js';
import { MetricSum } from './metric-sum.js';

export interface HubOptions {
  /** What workers get. */
  readonly table: AppTable;
  /** How often what they count is handed on, milliseconds; 0: never. */
  readonly intervalMs: number;
  /** Hands on one sum; whether somebody took it. */
  readonly send: (metric: Metric) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a controller is to match engines, the primary is to its workers: they get its tables, and tell what they count. */
export class Hub {
  readonly #options: HubOptions;
  readonly #server: NotifyServer;
  readonly #sum = new MetricSum();
  #cancel: () => void = () => {};

  constructor(options: HubOptions) {
    this.#options = options;
    const { table, clock, logger } = options;
    this.#server = new NotifyServer({
      sources: sourcesOf(table),
      // Who they are is told for all of them by the primary.
      receivers: [new ObjectTable(OBJECTS.Node)],
      messageReceivers: [
        {
          typeName: 'Metric',
          onMessage: (metric, { address }) => this.#sum.take(address, metric),
        } satisfies MessageReceiver<Metric> as MessageReceiver,
      ],
      ...{ clock, logger },
    });
    if (options.intervalMs > 0) this.#next();
  }

  /** Serves a worker, which is known by this name, over a stream until `signal` aborts. */
  async serve(worker: string, stream: Duplex, signal: AbortSignal): Promise<void> {
    try {
      await this.#server.accept(stream, { peer: worker, identity: undefined, signal });
      stream.end();
    } catch (error) {
      stream.destroy(error as Error);
    }
  }

  /** A worker is gone for good. */
  ended(worker: string): void {
    this.#sum.ended(worker);
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#server.stop();
  }

  #next(): void {
    const { clock, intervalMs, send } = this.#options;
    this.#cancel = clock.after(intervalMs, () => {
      for (const metric of this.#sum.sums(clock.now())) if (!send(metric)) break;
      this.#next();
    });
  }
}

/** The objects of a table in the bytes in which they came. */
function sourcesOf(table: AppTable): readonly SendSource[] {
  return mirroredTables(table).map(({ type, keys, get, encode, subscribe }) => {
    const wireOf = (keyJson: string) => {
      const held = get(keyJson);
      return held === undefined ? undefined : encode?.(held as never);
    };
    // Of objects nothing but their bytes is asked.
    return { type, keys, get, wireOf, subscribe } as unknown as SendSource;
  });
}
