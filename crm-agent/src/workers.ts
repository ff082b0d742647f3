import { type Clock, KeyedQueue, type Logger, messageOf, type Random } from '@edgeplane/base';
import { INCONSISTENT, isTransient } from '@edgeplane/lifecycle';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { decide, isToRun } from './decide.js';
import type { Operation, RecoveredInstance } from './drivers/driver.js';
import { Leftovers } from './leftovers.js';
import type { InstanceInfo, Reporter } from './reporter.js';
import { Retries } from './retries.js';

/** What is to be done for one decision, worked out from the tables when the work runs. */
export type Plan =
  /** Not to be done now; the worker is woken when it may be. */
  | { readonly wait: string }
  /** Fails at once with this text, before the work is reported as begun. */
  | { readonly refuse: string }
  | { run(operation: Operation): Promise<void> };

/** One sort of instance. */
export interface InstanceKind<T, I> {
  /** `ClusterInst` or `AppInst`. */
  readonly name: string;
  readonly updates: boolean;
  /** What the controller last sent; undefined when it is not among that. */
  desired(keyJson: string): T | undefined;
  /** Keys of all that it sent. */
  keys(): Iterable<string>;
  stateOf(object: T): TrackedState;
  /** Why nothing can be decided yet. */
  blocked(keyJson: string, object: T): string | undefined;
  planCreate(keyJson: string, object: T): Plan;
  planUpdate(keyJson: string, object: T): Plan;
  planDelete(keyJson: string, object: T): Plan;
  /** What to add to the READY report of a running instance; never rejects but for the signal. */
  describe(keyJson: string, signal: AbortSignal): Promise<(info: I) => I>;
  /** Removes what a failed create left. */
  cleanUp(keyJson: string, operation: Operation): Promise<void>;
  failure(verb: Verb, error: string): string;
}

export type Verb = 'create' | 'update' | 'delete';

export interface InstanceWorkersOptions<T, I extends InstanceInfo> {
  readonly kind: InstanceKind<T, I>;
  readonly reporter: Reporter<I>;
  /** Number of the present connection; grows with each. */
  readonly session: () => number;
  /** Makes durable what the controller sent: no later run may make again what this one takes away. Rejects when it cannot. */
  readonly persist: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** States to report for each verb. */
const STATES = {
  create: { during: TrackedState.CREATING, error: TrackedState.CREATE_ERROR },
  update: { during: TrackedState.UPDATING, error: TrackedState.UPDATE_ERROR },
  delete: { during: TrackedState.DELETING, error: TrackedState.DELETE_ERROR },
} as const;

/**
 * Brings instances of one sort where the controller wants them: serial per key, parallel across keys. Work reads the
 * desired state when it runs, never from the event that woke it. What the controller asked for once is done once: a
 * wake-up without a newer notice finds it handled.
 */
export class InstanceWorkers<T, I extends InstanceInfo> {
  readonly #options: InstanceWorkersOptions<T, I>;
  readonly #queue: KeyedQueue;
  /** Number of the last notice per key, and of the one that was acted upon. */
  readonly #noticed = new Map<string, number>();
  readonly #handled = new Map<string, number>();
  /** What the driver has and what works. */
  readonly #present = new Set<string>();
  /** Connection on which a deletion was reported. */
  readonly #goneIn = new Map<string, number>();
  /** Work that a request to delete cuts short. */
  readonly #cancellable = new Map<string, AbortController>();
  /** Created or half created, without the controller having been heard to know. */
  readonly #unanswered = new Set<string>();
  /** Keys whose work could not be begun yet. */
  readonly #waiting = new Set<string>();
  /** Known from an earlier run, and the controller has not said yet what is wanted now. */
  readonly #remembered = new Set<string>();
  /** What an earlier run had begun to delete. */
  readonly #halfDeleted = new Set<string>();
  readonly #retries: Retries;
  readonly #leftovers: Leftovers;
  #counter = 0;
  #stopping = false;

  constructor(options: InstanceWorkersOptions<T, I>) {
    this.#options = options;
    const { clock, random, logger, kind } = options;
    this.#retries = new Retries(clock, random);
    this.#leftovers = new Leftovers({
      cleanUp: (keyJson, operation) => kind.cleanUp(keyJson, operation),
      again: (keyJson) => this.#queue.add(keyJson),
      ...{ clock, random, logger },
    });
    this.#queue = new KeyedQueue(
      (keyJson, signal) => this.#work(keyJson, signal),
      (keyJson, error) => {
        if (!this.#stopping)
          options.logger.error({ err: error, key: keyJson }, `${options.kind.name} work failed`);
      },
    );
  }

  /** Tells what an earlier run left; before the first notice. */
  recovered(instances: readonly RecoveredInstance[]): void {
    for (const { keyJson, state } of instances) {
      (state === 'ready' ? this.#present : this.#unanswered).add(keyJson);
      if (state === 'deleting') this.#halfDeleted.add(keyJson);
    }
  }

  /** Tells what the controller had sent to an earlier run; before the first notice. */
  remember(keyJsons: Iterable<string>): void {
    const { kind } = this.#options;
    for (const keyJson of keyJsons) {
      this.#remembered.add(keyJson);
      const object = kind.desired(keyJson);
      if (object && kind.stateOf(object) === TrackedState.CREATE_REQUESTED) this.#unanswered.add(keyJson);
    }
  }

  /**
   * Makes what is to run by what is remembered and does not. Nothing is reported of it, and nothing is changed or
   * deleted: that takes word of what the controller wants now.
   */
  restore(): void {
    for (const keyJson of this.#remembered) this.#queue.add(keyJson);
  }

  /**
   * The controller has sent all it has: what is remembered and has not changed is as it was. What is in between two states
   * and has no report may wait to hear that it is gone, which was lost with the last connection: it is looked at again.
   */
  synced(): void {
    const { kind, reporter } = this.#options;
    for (const keyJson of this.#remembered) this.notice(keyJson);
    for (const keyJson of kind.keys()) {
      const object = kind.desired(keyJson);
      const waits = object && isTransient(kind.stateOf(object));
      if (waits && reporter.stateOf(keyJson) === undefined) this.notice(keyJson);
    }
    this.partlySynced();
  }

  /** The controller has been heard: it may not know of what an earlier run left half done. */
  partlySynced(): void {
    for (const keyJson of this.#unanswered) {
      if (!this.#options.kind.desired(keyJson)) this.notice(keyJson);
    }
  }

  /** The controller sent the object, or it vanished. */
  notice(keyJson: string): void {
    this.#noticed.set(keyJson, ++this.#counter);
    this.#remembered.delete(keyJson);
    this.#retries.cancel(keyJson);
    const object = this.#options.kind.desired(keyJson);
    const state = object && this.#options.kind.stateOf(object);
    if (state !== undefined && this.#isAnswer(keyJson, state)) this.#unanswered.delete(keyJson);
    if (state === TrackedState.DELETE_REQUESTED || (!object && this.#unanswered.has(keyJson)))
      this.#cancellable.get(keyJson)?.abort(new Error('to be deleted'));
    this.#queue.add(keyJson);
  }

  /** Whether a state tells that the controller has heard of what is being made; not when it is of an earlier try that failed. */
  #isAnswer(keyJson: string, state: TrackedState): boolean {
    if (state === TrackedState.CREATE_ERROR) return this.#options.reporter.stateOf(keyJson) === state;
    return state !== TrackedState.CREATE_REQUESTED;
  }

  /** Something that work may have waited for is there. */
  wakeWaiting(): void {
    for (const keyJson of this.#waiting) this.#queue.add(keyJson);
  }

  /** Resolves when no work is running or queued. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Cuts work short and waits for its end; what is unfinished is taken up by the next run. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#retries.stop();
    this.#leftovers.stop();
    return this.#queue.stop();
  }

  async #work(keyJson: string, signal: AbortSignal): Promise<void> {
    const { kind, reporter } = this.#options;
    const notice = this.#noticed.get(keyJson);
    this.#waiting.delete(keyJson);
    if (this.#remembered.has(keyJson)) return this.#restore(keyJson, signal);
    if (this.#leftovers.has(keyJson) && !isAsked(kind, keyJson)) await this.#cleanUp(keyJson, signal);
    if (notice === undefined || notice === this.#handled.get(keyJson)) return;
    const object = kind.desired(keyJson);
    const blocked = object && kind.blocked(keyJson, object);
    if (blocked) return this.#wait(keyJson, blocked);
    const decision = decide({
      desired: object && kind.stateOf(object),
      reported: reporter.stateOf(keyJson),
      present: this.#present.has(keyJson),
      deletionReported: this.#goneIn.get(keyJson) === this.#options.session(),
      unanswered: this.#unanswered.has(keyJson),
      updates: kind.updates,
    });
    let done = true;
    switch (decision.do) {
      case 'create':
        if (!object) break;
        if (kind.stateOf(object) === TrackedState.CREATE_REQUESTED) this.#unanswered.add(keyJson);
        done = await this.#carryOut('create', keyJson, kind.planCreate(keyJson, object), signal);
        break;
      case 'update':
        if (object) done = await this.#carryOut('update', keyJson, kind.planUpdate(keyJson, object), signal);
        break;
      case 'delete':
        if (object) done = await this.#carryOut('delete', keyJson, kind.planDelete(keyJson, object), signal);
        break;
      case 'report-ready':
        await this.#reportReady(keyJson, signal);
        break;
      case 'withdraw':
        await this.#withdraw(keyJson, signal);
        break;
      case 'forget':
        reporter.forget(keyJson);
        break;
      case 'inconsistent':
        await reporter.reportError(keyJson, decision.state, INCONSISTENT, signal);
        break;
      case 'nothing':
        break;
    }
    if (done) this.#handled.set(keyJson, notice);
    if (!object) this.#release(keyJson, notice);
  }

  async #restore(keyJson: string, signal: AbortSignal): Promise<void> {
    const { kind, logger } = this.#options;
    const object = kind.desired(keyJson);
    if (!object || !isToRun(kind.stateOf(object))) return;
    if (this.#present.has(keyJson) || this.#halfDeleted.has(keyJson)) return;
    const plan = kind.planCreate(keyJson, object);
    if (!('run' in plan)) {
      this.#wait(keyJson, 'wait' in plan ? plan.wait : plan.refuse);
      return;
    }
    logger.info({ key: keyJson }, `${kind.name} does not run: made again from what the controller last sent`);
    // If it is gone from what the controller sends next, it was to be deleted.
    this.#unanswered.add(keyJson);
    const failure = await this.#run('restore', keyJson, plan, signal);
    if (!failure) this.#present.add(keyJson);
    else if (this.#remembered.has(keyJson)) this.#retries.schedule(keyJson, () => this.#queue.add(keyJson));
  }

  /** True when the notice was acted upon, whatever came of it. */
  async #carryOut(verb: Verb, keyJson: string, plan: Plan, signal: AbortSignal): Promise<boolean> {
    const { kind, reporter } = this.#options;
    if ('wait' in plan) {
      this.#wait(keyJson, plan.wait);
      return false;
    }
    if ('refuse' in plan) {
      await reporter.reportError(keyJson, STATES[verb].error, plan.refuse, signal);
      return true;
    }
    this.#goneIn.delete(keyJson);
    this.#leftovers.forget(keyJson);
    await reporter.report(keyJson, STATES[verb].during, signal);
    // A failed update leaves what was there.
    if (verb !== 'update') this.#present.delete(keyJson);
    if (verb === 'delete') await this.#persist();
    const failure = await this.#run(verb, keyJson, plan, signal);
    signal.throwIfAborted();
    if (failure === 'cancelled') return false;
    if (failure) {
      await reporter.reportError(keyJson, STATES[verb].error, kind.failure(verb, failure.text), signal);
    } else if (verb === 'delete') {
      await reporter.reportGone(keyJson, signal);
      this.#goneIn.set(keyJson, this.#options.session());
    } else {
      this.#present.add(keyJson);
      await this.#reportReady(keyJson, signal);
    }
    return true;
  }

  async #run(
    verb: Verb | 'restore',
    keyJson: string,
    plan: { run(operation: Operation): Promise<void> },
    signal: AbortSignal,
  ): Promise<{ readonly text: string } | 'cancelled' | undefined> {
    const { logger, kind } = this.#options;
    const cancel = new AbortController();
    if (verb !== 'delete') this.#cancellable.set(keyJson, cancel);
    try {
      await plan.run(this.#operation(keyJson, AbortSignal.any([signal, cancel.signal])));
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (cancel.signal.aborted) return 'cancelled';
      logger.warn({ err: error, key: keyJson, kind: kind.name }, `${verb} failed`);
      // Before the failure is reported, not after: once it is, the controller forgets the instance.
      if (verb === 'create') await this.#cleanUp(keyJson, signal);
      return { text: messageOf(error) };
    } finally {
      this.#cancellable.delete(keyJson);
    }
  }

  #cleanUp(keyJson: string, signal: AbortSignal): Promise<void> {
    return this.#leftovers.remove(keyJson, (limited) => this.#operation(keyJson, limited), signal);
  }

  async #withdraw(keyJson: string, signal: AbortSignal): Promise<void> {
    const { logger, kind, reporter } = this.#options;
    logger.info(
      { key: keyJson },
      `${kind.name} is taken back: the controller gave it up before it heard of it`,
    );
    this.#present.delete(keyJson);
    await this.#persist();
    await this.#cleanUp(keyJson, signal);
    this.#unanswered.delete(keyJson);
    reporter.forget(keyJson);
  }

  async #persist(): Promise<void> {
    try {
      await this.#options.persist();
    } catch {
      // Told by whoever keeps it. A full disk must not keep anything from being deleted.
    }
  }

  async #reportReady(keyJson: string, signal: AbortSignal): Promise<void> {
    const { kind, reporter } = this.#options;
    // Described first, so that READY and what describes it are one report.
    const decorate = await kind.describe(keyJson, signal);
    await reporter.report(keyJson, TrackedState.READY, signal, decorate);
  }

  #wait(keyJson: string, reason: string): void {
    this.#waiting.add(keyJson);
    this.#options.logger.info({ key: keyJson, reason }, `${this.#options.kind.name} waits`);
  }

  #operation(keyJson: string, signal: AbortSignal): Operation {
    const { logger } = this.#options;
    return { signal, progress: (text) => logger.info({ key: keyJson }, text) };
  }

  /** Forgets the bookkeeping of a key that the controller no longer has, unless it came back meanwhile. */
  #release(keyJson: string, notice: number): void {
    if (this.#noticed.get(keyJson) !== notice) return;
    this.#noticed.delete(keyJson);
    this.#handled.delete(keyJson);
    this.#goneIn.delete(keyJson);
  }
}

/** Whether the instance is to be made or deleted anyway, which takes care of what is left of it. */
function isAsked<T, I>(kind: InstanceKind<T, I>, keyJson: string): boolean {
  const object = kind.desired(keyJson);
  const state = object && kind.stateOf(object);
  return state === TrackedState.CREATE_REQUESTED || state === TrackedState.DELETE_REQUESTED;
}
