import { EdgeplaneError, STATUS_NAMES } from '@edgeplane/base';
import { notifyErrors } from './errors.js';

const CODES: ReadonlySet<string> = new Set([
  ...Object.keys(notifyErrors),
  ...STATUS_NAMES.map((status) => `REMOTE_${status}`),
]);

/** Sessions that ended, by reason. What an other side makes up is no reason of its own. */
export class SessionEnds implements Iterable<readonly [reason: string, times: number]> {
  readonly #times = new Map<string, number>();

  [Symbol.iterator](): IterableIterator<[string, number]> {
    return this.#times.entries();
  }

  /** Without an error it was a clean end. */
  add(error?: unknown): void {
    const reason = error === undefined ? 'CLEAN' : reasonOf(error);
    this.#times.set(reason, (this.#times.get(reason) ?? 0) + 1);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof EdgeplaneError) || error.code === notifyErrors.SESSION_CLOSED.code) return 'LOST';
  return CODES.has(error.code) ? error.code : 'OTHER';
}
