import type { Clock, Logger } from '@edgeplane/base';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { waitAtMost } from './time-limit.js';

/** An AppInstInfo or ClusterInstInfo as far as reporting goes. */
export interface InstanceInfo {
  readonly state: TrackedState;
  readonly errors: readonly string[];
}

/** The outbound table of one sort of Info. */
export interface InfoTable<I extends InstanceInfo> {
  get(keyJson: string): I | undefined;
  put(info: I): void;
  delete(keyJson: string): void;
}

export interface ReporterOptions<I extends InstanceInfo> {
  /** Full type name, such as `edgeproto.AppInstInfo`. */
  readonly typeName: string;
  readonly table: InfoTable<I>;
  /** Builds the Info of a key in a state. */
  readonly build: (keyJson: string, state: TrackedState, errors: readonly string[]) => I;
  /** Resolves when the last change of that key was handed to the stream, or there is no stream. */
  readonly flushed: (keyJson: string) => Promise<void>;
  /** What is wrong with an instance that runs; default: nothing ever. */
  readonly troubles?: (keyJson: string) => readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long a report waits for the one before it to leave, milliseconds. */
const FLUSH_LIMIT_MS = 2000;

/**
 * Reports states of instances through an Info table. The stream sends only the latest report of a key, so each report
 * first waits until the one before it has left: the controller sees CREATING before READY. The wait is bounded, and
 * nothing waits while there is no connection.
 */
export class Reporter<I extends InstanceInfo> {
  readonly #options: ReporterOptions<I>;

  constructor(options: ReporterOptions<I>) {
    this.#options = options;
  }

  /** State last reported. */
  stateOf(keyJson: string): TrackedState | undefined {
    return this.#options.table.get(keyJson)?.state;
  }

  /** Reports a state and clears earlier errors; `decorate` may add to the Info. */
  async report(
    keyJson: string,
    state: TrackedState,
    signal: AbortSignal,
    decorate?: (info: I) => I,
  ): Promise<void> {
    await this.#settle(keyJson, signal);
    // What went wrong with one that runs is news to whoever hears of it the first time.
    const errors = state === TrackedState.READY ? (this.#options.troubles?.(keyJson) ?? []) : [];
    const info = this.#options.build(keyJson, state, errors);
    this.#put(keyJson, decorate ? decorate(info) : info);
  }

  /** Reports an error state; earlier errors stay (spec section 10.1). */
  async reportError(keyJson: string, state: TrackedState, text: string, signal: AbortSignal): Promise<void> {
    await this.#settle(keyJson, signal);
    const earlier = this.#options.table.get(keyJson)?.errors ?? [];
    this.#put(keyJson, this.#options.build(keyJson, state, [...earlier, text]));
  }

  /** Says what is wrong with an instance that runs; nothing of one that does not, whose state says enough. */
  reportTroubles(keyJson: string, troubles: readonly string[]): void {
    const info = this.#options.table.get(keyJson);
    if (info?.state === TrackedState.READY) this.#put(keyJson, { ...info, errors: [...troubles] });
  }

  /** Reports that the instance is gone, which takes a report that it is there to begin with. */
  async reportGone(keyJson: string, signal: AbortSignal): Promise<void> {
    if (!this.#options.table.get(keyJson)) await this.report(keyJson, TrackedState.DELETING, signal);
    await this.#settle(keyJson, signal);
    this.forget(keyJson);
  }

  /** Drops the Info without waiting. */
  forget(keyJson: string): void {
    const from = this.stateOf(keyJson);
    this.#options.table.delete(keyJson);
    this.#log(keyJson, from, TrackedState.NOT_PRESENT, []);
  }

  async #settle(keyJson: string, signal: AbortSignal): Promise<void> {
    const { flushed, clock } = this.#options;
    if (!this.#options.table.get(keyJson)) return;
    await waitAtMost(clock, FLUSH_LIMIT_MS, signal, () => flushed(keyJson));
  }

  #put(keyJson: string, info: I): void {
    const from = this.stateOf(keyJson);
    this.#options.table.put(info);
    this.#log(keyJson, from, info.state, info.errors);
  }

  #log(keyJson: string, from: TrackedState | undefined, to: TrackedState, errors: readonly string[]): void {
    const { logger, typeName } = this.#options;
    const line = { type: typeName, key: keyJson, from: stateName(from), to: stateName(to) };
    if (errors.length > 0) logger.warn({ ...line, errors }, 'State');
    else logger.info(line, 'State');
  }
}

function stateName(state: TrackedState | undefined): string {
  return Object.entries(TrackedState).find(([, number]) => number === state)?.[0] ?? 'none';
}
