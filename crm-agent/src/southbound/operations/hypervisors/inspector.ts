import { type Clock, KeyedQueue, type Logger, messageOf } from '@edgeplane/base';
import type { Disk } from '../../../disk.js';
import { RecordStore } from '../../../records.js';
import type { HostFacts, Hypervisor } from './driver.js';
import type { Known } from './states.js';

const INTERVAL_MS = 10_000;
/** Some are looked at by starting a program. */
const MOST_AT_ONCE = 8;

/** What is known of one hypervisor without asking it. */
export interface Inspected {
  readonly known: Known;
  /** Since when it has been so, Unix milliseconds. */
  readonly sinceMs: number;
  /** The last that were told; undefined when nothing ever was. */
  readonly facts: HostFacts | undefined;
  readonly runningInstances: number;
}

interface StoredFacts {
  readonly keyJson: string;
  readonly facts: HostFacts;
}

export interface InspectorOptions {
  readonly hypervisors: ReadonlyMap<string, Hypervisor>;
  /** Folder for what is known of hosts that are off. */
  readonly dir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Looks at every hypervisor again and again, so that questions about them are answered at once. */
export class Inspector {
  readonly #options: InspectorOptions;
  readonly #facts: RecordStore<StoredFacts>;
  readonly #inspected = new Map<string, Inspected>();
  readonly #queue: KeyedQueue;
  /** What takes back the next look at each. */
  readonly #timers = new Map<string, () => void>();
  readonly #waiting: (() => void)[] = [];
  #looking = 0;

  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#facts = new RecordStore(options.dir, options.disk);
    this.#queue = new KeyedQueue(
      (id, signal) => this.#inTurn(id, signal),
      (id, error) => options.logger.error({ err: error, id }, 'Looking at a hypervisor failed'),
    );
  }

  /** Nothing but old facts is known when it resolves. */
  async start(): Promise<void> {
    await this.#facts.load((json) => json as StoredFacts);
    const nowMs = this.#options.clock.now();
    for (const id of this.#options.hypervisors.keys())
      this.#inspected.set(id, {
        known: { condition: undefined, detail: 'not looked at yet' },
        ...{ sinceMs: nowMs, facts: this.#facts.get(id)?.facts, runningInstances: 0 },
      });
    for (const id of this.#options.hypervisors.keys()) this.refresh(id);
  }

  /** undefined when there is no such hypervisor. */
  get(id: string): Inspected | undefined {
    return this.#inspected.get(id);
  }

  /** Looks now. */
  refresh(id: string): void {
    this.#timers.get(id)?.();
    this.#queue.add(id);
  }

  async stop(): Promise<void> {
    for (const cancel of this.#timers.values()) cancel();
    await this.#queue.stop();
  }

  async #inTurn(id: string, signal: AbortSignal): Promise<void> {
    while (this.#looking >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#looking += 1;
    try {
      if (!signal.aborted) await this.#look(id, signal);
    } finally {
      this.#looking -= 1;
      this.#waiting.shift()?.();
      // From its end, so that slow hosts and many of them are not looked at without a pause.
      const { clock } = this.#options;
      if (!signal.aborted)
        this.#timers.set(
          id,
          clock.after(INTERVAL_MS, () => this.#queue.add(id)),
        );
    }
  }

  async #look(id: string, signal: AbortSignal): Promise<void> {
    const hypervisor = this.#options.hypervisors.get(id);
    if (!hypervisor) return;
    const before = this.#inspected.get(id);
    let known: Known;
    let facts = before?.facts;
    let runningInstances = 0;
    try {
      const seen = await hypervisor.inspect(signal);
      known = { condition: seen.condition, detail: seen.detail };
      if (seen.facts) facts = await this.#remember(id, seen.facts);
      runningInstances = seen.runningInstances ?? 0;
    } catch (error) {
      if (signal.aborted) return;
      known = { condition: undefined, detail: messageOf(error) };
    }
    const sinceMs =
      before && before.known.condition === known.condition ? before.sinceMs : this.#options.clock.now();
    if (before?.known.condition !== known.condition) {
      const { logger } = this.#options;
      logger.info(
        { id, from: before?.known.condition, to: known.condition, detail: known.detail },
        'Hypervisor',
      );
    }
    this.#inspected.set(id, { known, sinceMs, facts, runningInstances });
  }

  async #remember(id: string, facts: HostFacts): Promise<HostFacts> {
    const before = this.#facts.get(id);
    if (JSON.stringify(before?.facts) !== JSON.stringify(facts))
      await this.#facts.put({ keyJson: id, facts });
    return facts;
  }
}
