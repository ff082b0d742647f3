import { fail } from '@edgeplane/base';
import { notifyErrors } from './errors.js';

/** Bounds the sessions of a server, in all and per IP address. */
export class Admission {
  readonly #max: number;
  readonly #maxPerAddress: number;
  readonly #perAddress = new Map<string, number>();
  #count = 0;

  constructor(max: number, maxPerAddress: number) {
    this.#max = max;
    this.#maxPerAddress = maxPerAddress;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Counts one of `peer`, `ip:port`; the result is called once, at its end.
   * @throws EdgeplaneError TOO_MANY_SESSIONS
   */
  enter(peer: string): () => void {
    const colon = peer.lastIndexOf(':');
    const address = colon < 0 ? peer : peer.slice(0, colon);
    const here = this.#perAddress.get(address) ?? 0;
    if (here >= this.#maxPerAddress)
      throw fail(notifyErrors.TOO_MANY_SESSIONS, { of: `of ${address}`, limit: this.#maxPerAddress });
    if (this.#count >= this.#max)
      throw fail(notifyErrors.TOO_MANY_SESSIONS, { of: 'in all', limit: this.#max });
    this.#count += 1;
    this.#perAddress.set(address, here + 1);
    return () => this.#leave(address);
  }

  #leave(address: string): void {
    this.#count -= 1;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}
