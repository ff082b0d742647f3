import { systemClock } from '@edgeplane/base';

export interface WatchProbes {
  /** Asks the server for any answer on the stream. */
  ping(): void;
  /** A revision that the watch should have delivered and has not; undefined when there is none. */
  behind(): Promise<number | undefined>;
  delivered(): number;
  /** Called once when the stream can no longer be trusted. */
  dead(reason: string): void;
}

/** An idle stream is asked this often, and has as long to answer, milliseconds. */
const PERIOD_MS = 4000;

/**
 * Tells an idle stream from a dead one: after {@link PERIOD_MS} without a message it pings and looks whether the watch is
 * behind; when nothing has come after another period, or the watch is still behind, the stream is dead.
 * Time in which the reader does not read does not count.
 */
export class WatchLiveness {
  readonly #probes: WatchProbes;
  #cancel: () => void = () => undefined;
  #stopped = false;
  #asked = false;
  #expected = 0;

  constructor(probes: WatchProbes) {
    this.#probes = probes;
  }

  /** The reader waits for a message. */
  reading(): void {
    this.#asked = false;
    this.#arm();
  }

  /** A message came. */
  heard(): void {
    this.#cancel();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #arm(): void {
    if (!this.#stopped) this.#cancel = systemClock.after(PERIOD_MS, () => this.#tick());
  }

  #doubt(): string | undefined {
    if (this.#asked) return `no answer within ${PERIOD_MS} ms`;
    const late = this.#expected > this.#probes.delivered();
    return late ? `revision ${this.#expected} exists and was not delivered` : undefined;
  }

  #tick(): void {
    const doubt = this.#doubt();
    if (doubt !== undefined) {
      this.#probes.dead(doubt);
      return;
    }
    this.#asked = true;
    this.#probes.ping();
    this.#probes.behind().then(
      (revision) => {
        this.#expected = revision ?? 0;
      },
      // The ping will tell.
      () => undefined,
    );
    this.#arm();
  }
}
