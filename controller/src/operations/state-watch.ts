import { type Deferred, deferred, fail, isKind } from '@edgeplane/base';
import { isStreamed, trackedStateName } from '@edgeplane/lifecycle';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { CacheChange, ObjectCache } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import type { Say } from './call.js';

const S = TrackedState;

interface Instance {
  readonly state: TrackedState;
  readonly errors: readonly string[];
}

/** One kind of wait (controller spec section 8.8). */
export interface WaitPlan {
  readonly wanted: TrackedState;
  /** Still in it when time is up: reported as under way, not as a failure. */
  readonly working: TrackedState;
  readonly error: TrackedState;
  /** States that belong to the operation; any other means that somebody else took over. */
  readonly own: readonly TrackedState[];
}

export const CREATE_WAIT: WaitPlan = {
  wanted: S.READY,
  working: S.CREATING,
  error: S.CREATE_ERROR,
  own: [S.CREATE_REQUESTED, S.CREATING, S.CREATE_ERROR, S.READY],
};
export const UPDATE_WAIT: WaitPlan = {
  wanted: S.READY,
  working: S.UPDATING,
  error: S.UPDATE_ERROR,
  own: [S.UPDATE_REQUESTED, S.UPDATING, S.UPDATE_ERROR, S.READY],
};
export const DELETE_WAIT: WaitPlan = {
  wanted: S.NOT_PRESENT,
  working: S.DELETING,
  error: S.DELETE_ERROR,
  own: [S.DELETE_PREPARE, S.DELETE_REQUESTED, S.DELETING, S.DELETE_ERROR, S.NOT_PRESENT],
};

export interface StateWatchOptions<T extends Instance> {
  readonly context: ControllerContext;
  readonly cache: ObjectCache<T>;
  readonly keyJson: string;
  readonly typeName: 'AppInst' | 'ClusterInst';
  readonly plan: WaitPlan;
  readonly timeoutMs: number;
  /** The operation was stored long ago: the state that the instance has by now counts too. */
  readonly resumed?: boolean;
}

interface Seen {
  readonly state: TrackedState;
  readonly errors: readonly string[];
  readonly revision: number;
}

/** How a wait ended well. */
export type WaitResult = 'done' | 'under-way';

/** True for the failures that are the agent's: they are undone or, by override, ignored. */
export function isAgentFailure(error: unknown): boolean {
  return isKind(error, controllerErrors.AGENT_FAILED) || isKind(error, controllerErrors.AGENT_TIMEOUT);
}

/**
 * Watches an instance from before the operation on it is stored, so that no state is missed, and waits for its outcome.
 * Cache listeners only queue what they see; nothing a client does can hold them up.
 */
export class StateWatch<T extends Instance> {
  readonly #options: StateWatchOptions<T>;
  readonly #seen: Seen[] = [];
  readonly #unwatch: () => void;
  #wake: Deferred<void> = deferred();

  constructor(options: StateWatchOptions<T>) {
    this.#options = options;
    this.#unwatch = options.cache.watchKey(options.keyJson, (change) => this.#take(change));
    if (!options.resumed) return;
    const now = options.cache.get(options.keyJson);
    this.#seen.push({
      state: now?.value.state ?? S.NOT_PRESENT,
      errors: now?.value.errors ?? [],
      revision: now?.revision ?? 1,
    });
  }

  close(): void {
    this.#unwatch();
  }

  /**
   * Waits for the outcome of what was stored at `revision`, telling each state on the way. The caller may be gone:
   * its end is not looked at.
   * @throws EdgeplaneError AGENT_FAILED, AGENT_TIMEOUT, SUPERSEDED, STOPPING
   */
  async result(revision: number, say: Say): Promise<WaitResult> {
    const { context, plan, timeoutMs } = this.#options;
    let over = false;
    const wake = () => this.#wake.resolve();
    const cancel = context.clock.after(timeoutMs, () => {
      over = true;
      wake();
    });
    context.stopping.addEventListener('abort', wake, { once: true });
    let last: TrackedState | undefined;
    try {
      for (;;) {
        for (let seen = this.#seen.shift(); seen; seen = this.#seen.shift()) {
          if (seen.revision <= revision || seen.state === last) continue;
          last = seen.state;
          if (isStreamed(seen.state)) say(trackedStateName(seen.state));
          if (seen.state === plan.wanted) return 'done';
          this.#refuse(seen);
        }
        if (context.stopping.aborted) throw fail(controllerErrors.STOPPING);
        if (over) return this.#timedOut(say);
        await this.#wake.promise;
        this.#wake = deferred();
      }
    } finally {
      cancel();
      context.stopping.removeEventListener('abort', wake);
    }
  }

  #take(change: CacheChange<T>): void {
    const { value, revision } = change;
    this.#seen.push({ state: value?.state ?? S.NOT_PRESENT, errors: value?.errors ?? [], revision });
    this.#wake.resolve();
  }

  #refuse({ state, errors }: Omit<Seen, 'revision'>): void {
    const { plan } = this.#options;
    if (state === plan.error) {
      throw fail(controllerErrors.AGENT_FAILED, { errors: errors.join(', ') });
    }
    if (!plan.own.includes(state)) {
      const [wanted, actual] = [trackedStateName(plan.wanted), trackedStateName(state)];
      throw fail(controllerErrors.SUPERSEDED, { wanted, actual });
    }
  }

  #timedOut(say: Say): WaitResult {
    const { cache, keyJson, plan, typeName } = this.#options;
    const now = cache.get(keyJson)?.value;
    const state = now?.state ?? S.NOT_PRESENT;
    if (state === plan.wanted) return 'done';
    this.#refuse({ state, errors: now?.errors ?? [] });
    const actual = trackedStateName(state);
    if (state !== plan.working) {
      throw fail(controllerErrors.AGENT_TIMEOUT, { wanted: trackedStateName(plan.wanted), actual });
    }
    say(
      `Timed out while work still in progress state ${actual}. Please use Show${typeName} to check current status`,
    );
    return 'under-way';
  }
}
