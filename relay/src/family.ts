import { type Clock, fail } from '@edgeplane/base';
import { notifyErrors } from '@edgeplane/notify';

/** How long a relay counts as below after it was last heard of without a session, milliseconds. */
const REMEMBER_MS = 60_000;

/**
 * Which relays are above and below this one, so that none becomes its own ancestor: messages would go round for ever, and
 * nobody in the ring would hear of a controller.
 */
export class Family {
  readonly node: string;
  readonly #clock: Clock;
  /** Names of relays that asked for a session, and when. */
  readonly #asked = new Map<string, number>();
  #above: readonly string[] = [];

  constructor(node: string, clock: Clock) {
    this.node = node;
    this.#clock = clock;
  }

  get above(): readonly string[] {
    return this.#above;
  }

  /** This relay, and those that asked lately. */
  get asked(): readonly string[] {
    const since = this.#clock.monotonic() - REMEMBER_MS;
    for (const [name, at] of this.#asked) if (at < since) this.#asked.delete(name);
    return [...this.#asked.keys()];
  }

  /** A server above has these names, nearest first; whether they are others than before. @throws EdgeplaneError NOTIFY_LOOP */
  climb(names: readonly string[]): boolean {
    this.#check(names);
    const changed = names.join() !== this.#above.join();
    this.#above = names;
    return changed;
  }

  /** A peer wants a session, and has relays at it and below it. @throws EdgeplaneError NOTIFY_LOOP */
  admit(peer: string, relays: readonly string[]): void {
    this.#check(relays);
    if (this.#above.includes(peer)) throw this.#loop([...this.#above, peer]);
    for (const name of relays) this.#asked.set(name, this.#clock.monotonic());
  }

  #check(names: readonly string[]): void {
    if (names.includes(this.node)) throw this.#loop(names);
  }

  #loop(names: readonly string[]) {
    return fail(notifyErrors.NOTIFY_LOOP, { node: this.node, path: names.join(' - ') });
  }
}
