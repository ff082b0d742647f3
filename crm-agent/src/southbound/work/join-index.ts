import { canonicalJson, isFinished, type Json, type OperationRecord } from './record.js';

/** What tells whether two calls mean the same operation. */
export interface Intent {
  readonly kind: string;
  readonly subject: string;
  readonly request: Json;
  readonly requestId: string;
  readonly owner: string;
}

/**
 * Finds the operation that a call means. With an idempotency key it is the one of that key, over or not; without one it is
 * the one under way with the same kind, subject and request.
 */
export class JoinIndex {
  readonly #byKey = new Map<string, string>();
  readonly #underWay = new Map<string, string>();

  /** Id of the operation; undefined when the call means a new one. */
  find(intent: Intent): string | undefined {
    return intent.requestId === '' ? this.#underWay.get(sameness(intent)) : this.#byKey.get(keyOf(intent));
  }

  add(record: OperationRecord): void {
    if (record.requestId !== '') this.#byKey.set(keyOf(record), record.id);
    if (!isFinished(record)) this.#underWay.set(sameness(record), record.id);
  }

  finished(record: OperationRecord): void {
    const same = sameness(record);
    if (this.#underWay.get(same) === record.id) this.#underWay.delete(same);
  }

  forgotten(record: OperationRecord): void {
    this.finished(record);
    if (this.#byKey.get(keyOf(record)) === record.id) this.#byKey.delete(keyOf(record));
  }
}

/** Equal of intents that ask for the same. */
export function sameness({ kind, subject, request }: Pick<Intent, 'kind' | 'subject' | 'request'>): string {
  return JSON.stringify([kind, subject, canonicalJson(request)]);
}

/** Keys are the caller's: those of two callers have nothing to do with each other. */
function keyOf({ kind, owner, requestId }: Pick<Intent, 'kind' | 'owner' | 'requestId'>): string {
  return JSON.stringify([kind, owner, requestId]);
}
