import { type Deferred, deferred } from '@edgeplane/base';
import type { DlgDelivery } from '@edgeplane/proto/dme/dynamic-loc-group.js';

/** Messages, and bytes of text, that may wait for one receiver. */
const MAX_MESSAGES = 256;
const MAX_BYTES = 256 * 1024;

/** What waits for a receiver: bounded, so that a slow one loses the oldest and is told how many. */
export class ReceiverQueue {
  #waiting: DlgDelivery[] = [];
  #bytes = 0;
  #lost = 0n;
  #wake: Deferred<void> | undefined;

  push(delivery: DlgDelivery): void {
    this.#waiting.push(delivery);
    this.#bytes += sizeOf(delivery);
    while (this.#waiting.length > MAX_MESSAGES || this.#bytes > MAX_BYTES) {
      const oldest = this.#waiting.shift();
      if (!oldest) break;
      this.#bytes -= sizeOf(oldest);
      this.#lost += 1n;
    }
    this.#wake?.resolve();
  }

  /** The next message, as soon as there is one; undefined when `signal` aborts first. */
  async next(signal: AbortSignal): Promise<DlgDelivery | undefined> {
    while (!signal.aborted) {
      const delivery = this.#waiting.shift();
      if (delivery) {
        this.#bytes -= sizeOf(delivery);
        const lost = this.#lost;
        this.#lost = 0n;
        return lost === 0n ? delivery : { ...delivery, lost };
      }
      const wake = deferred();
      this.#wake = wake;
      const end = () => wake.resolve();
      signal.addEventListener('abort', end, { once: true });
      await wake.promise;
      signal.removeEventListener('abort', end);
    }
    return undefined;
  }
}

function sizeOf({ message, userData }: DlgDelivery): number {
  return message.length + userData.length;
}
