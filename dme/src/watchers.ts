import { type Clock, fail } from '@edgeplane/base';
import { type Breathe, breather } from './breather.js';
import { dmeErrors } from './errors.js';
import type { AppTable } from './tables.js';

/** Watching clients at a time. */
const MOST = 100_000;
/** Changes within this time are looked at together, milliseconds. */
const GATHER_MS = 50;

export interface WatchersOptions {
  readonly most?: number;
  /** How many that are concerned give way to calls; default by the clock. */
  readonly breathe?: Breathe;
}

/** One that waits for something to change. However much does, it is told once, when it waits the next time. */
export class Watcher {
  #changed = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** Resolves when something has changed since it last did. @throws what it was ended with */
  async changed(): Promise<void> {
    if (!this.#changed && !this.#error)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#changed = false;
    if (this.#error) throw this.#error;
  }

  tell(): void {
    this.#changed = true;
    this.#wake?.();
  }

  end(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }
}

/** Who watches what: a change of the table costs what the clients cost that it concerns, and no others. */
export class Watchers {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #breathe: Breathe;
  readonly #unsubscribe: () => void;
  /** By key JSON of the App, then by carrier. */
  readonly #byApp = new Map<string, Map<string, Set<Watcher>>>();
  readonly #all = new Set<Watcher>();
  #concerned = new Set<Watcher>();
  #cancel: (() => void) | undefined;
  #telling: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    table: AppTable,
    clock: Clock,
    { most = MOST, breathe = breather(clock) }: WatchersOptions = {},
  ) {
    this.#clock = clock;
    this.#most = most;
    this.#breathe = breathe;
    this.#unsubscribe = table.subscribe((app, carrier) => this.#changed(app, carrier));
  }

  get size(): number {
    return this.#all.size;
  }

  /** One more that is concerned by what is offered of an App on cloudlets of these carriers. @throws TOO_MANY_WATCHERS, ENGINE_STOPPING */
  add(app: string, carriers: Iterable<string>): Watcher {
    if (this.#stopped) throw fail(dmeErrors.ENGINE_STOPPING);
    if (this.#all.size >= this.#most) throw fail(dmeErrors.TOO_MANY_WATCHERS, { most: this.#most });
    const watcher = new Watcher();
    this.#all.add(watcher);
    const byCarrier = this.#byApp.get(app) ?? new Map<string, Set<Watcher>>();
    this.#byApp.set(app, byCarrier);
    for (const carrier of carriers) {
      const set = byCarrier.get(carrier) ?? new Set();
      byCarrier.set(carrier, set.add(watcher));
    }
    return watcher;
  }

  /** With what it was added for. */
  remove(watcher: Watcher, app: string, carriers: Iterable<string>): void {
    this.#all.delete(watcher);
    this.#concerned.delete(watcher);
    const byCarrier = this.#byApp.get(app);
    for (const carrier of carriers) {
      const set = byCarrier?.get(carrier);
      set?.delete(watcher);
      if (set?.size === 0) byCarrier?.delete(carrier);
    }
    if (byCarrier?.size === 0) this.#byApp.delete(app);
  }

  /** Ends all, who are told to go elsewhere; safe to call more than once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#cancel?.();
    for (const watcher of this.#all) watcher.end(fail(dmeErrors.ENGINE_STOPPING));
    await this.#telling;
  }

  #changed(app: string, carrier: string): void {
    const concerned = this.#byApp.get(app)?.get(carrier);
    if (!concerned) return;
    for (const watcher of concerned) this.#concerned.add(watcher);
    this.#cancel ??= this.#clock.after(GATHER_MS, () => {
      this.#cancel = undefined;
      this.#telling = this.#telling.then(() => this.#tell());
    });
  }

  async #tell(): Promise<void> {
    const concerned = this.#concerned;
    this.#concerned = new Set();
    for (const watcher of concerned) {
      if (this.#stopped) return;
      watcher.tell();
      await this.#breathe();
    }
  }
}
