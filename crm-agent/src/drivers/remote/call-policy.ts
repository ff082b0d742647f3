import { Backoff, type Clock, EdgeplaneError, fail, messageOf, type Random, sleep } from '@edgeplane/base';
import { remoteErrors } from './errors.js';

/**
 * What a failed call tells. `away`: nothing about the request, so it may be made again. `unclear`: servers that know no better
 * status use it for whatever went wrong, so look what there is, then decide. `missing`: the machine is not there.
 * `refused`: the request cannot be.
 */
export type Verdict = 'away' | 'unclear' | 'missing' | 'refused';

export function verdictOf(error: unknown): Verdict {
  if (!(error instanceof EdgeplaneError)) return 'refused';
  switch (error.status) {
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
    case 'RESOURCE_EXHAUSTED':
    case 'ABORTED':
    case 'CANCELLED':
      return 'away';
    case 'UNKNOWN':
    case 'INTERNAL':
      // What older servers of more than one kind say of what they do not have.
      return /not found/i.test(error.message) ? 'missing' : 'unclear';
    case 'NOT_FOUND':
      return 'missing';
    default:
      return 'refused';
  }
}

export interface Patience {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** How long to go on without an answer, milliseconds. */
  readonly patienceMs: number;
  /** Between two tries, milliseconds: the bound of the first, and of the longest. */
  readonly retryMs: { readonly base: number; readonly max: number };
}

const UNCLEAR_TRIES = 4;

/**
 * Says after each failure whether to try again, and waits before. Failures that tell nothing are endured for a while,
 * those that may tell something a few times.
 */
export class Tries {
  readonly #patience: Patience;
  readonly #backoff: Backoff;
  readonly #deadline: number;
  #unclear = 0;

  constructor(patience: Patience) {
    this.#patience = patience;
    this.#backoff = new Backoff(patience.retryMs, patience.random);
    this.#deadline = patience.clock.monotonic() + patience.patienceMs;
  }

  /** Resolves when it is time to try again. @throws the error, when it is not to be tried again, or the signal's reason */
  async failed(error: unknown): Promise<void> {
    const { clock, signal } = this.#patience;
    signal.throwIfAborted();
    const verdict = verdictOf(error);
    const again =
      verdict === 'away'
        ? clock.monotonic() < this.#deadline
        : verdict === 'unclear' && ++this.#unclear < UNCLEAR_TRIES;
    if (!again) throw error;
    await sleep(clock, this.#backoff.next(), signal);
  }
}

/** Runs work that may be repeated until it succeeds, or there is no use in trying. */
export async function persistently<T>(patience: Patience, work: () => Promise<T>): Promise<T> {
  const tries = new Tries(patience);
  for (;;) {
    patience.signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      await tries.failed(error);
    }
  }
}

/** A failed call in the words that users are told. Our own errors and the signal's stay as they are. */
export function explain(error: unknown, peer: string, what: string): unknown {
  if (!(error instanceof EdgeplaneError) || !isWireError(error)) return error;
  const reason = messageOf(error);
  const details = { peer, what, reason };
  switch (verdictOf(error)) {
    case 'away':
      if (error.status === 'UNAVAILABLE' || error.status === 'DEADLINE_EXCEEDED')
        return fail(remoteErrors.SILENT, details, { cause: error });
      return fail(remoteErrors.FAILED, details, { cause: error });
    case 'unclear':
      return fail(remoteErrors.FAILED, details, { cause: error });
    default:
      return fail(remoteErrors.REFUSED, details, { cause: error });
  }
}

/** Errors that came over the wire keep the transport's own as their cause. */
function isWireError(error: EdgeplaneError): boolean {
  return error.cause instanceof Error && typeof (error.cause as { code?: unknown }).code === 'number';
}
