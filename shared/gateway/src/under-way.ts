import { fail } from '@edgeplane/base';
import { gatewayErrors } from './errors.js';

/** Requests that are under way, by who asks: one caller must not take up all that the API behind can do at a time. */
export class UnderWay {
  readonly #limit: number;
  readonly #byAddress = new Map<string, number>();

  /** `limit` of one address; 0 is none. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A request has come; the result is to be called at its end. @throws EdgeplaneError TOO_MANY_REQUESTS */
  begin(address: string): () => void {
    const now = this.#byAddress.get(address) ?? 0;
    if (this.#limit > 0 && now >= this.#limit)
      throw fail(gatewayErrors.TOO_MANY_REQUESTS, { limit: this.#limit });
    this.#byAddress.set(address, now + 1);
    return () => {
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
    };
  }
}
