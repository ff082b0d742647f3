import { fail } from '@edgeplane/base';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { controllerErrors } from '../errors.js';

/** What an offer that was sent to agents came to. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: string }
  /** All agents of the cloudlet that were asked said no, or those that could be heard of did. */
  | { readonly kind: 'refused'; readonly text: string }
  /** Whoever was asked is gone. */
  | { readonly kind: 'lost' };

/** One offer that waits for its answer. */
export interface Pending {
  readonly id: string;
  /** As sent to agents: unlike that of any other pending request, since older agents name only it in their replies. */
  readonly offer: string;
  /** Peers that reported the cloudlet and have not replied. What the last of them says is final. */
  readonly agents: Set<bigint>;
  /** Peers behind which agents may be; each may pass on any number of replies. */
  readonly relays: Set<bigint>;
  readonly refusals: string[];
  /** Called once, with the entry gone from the table. */
  readonly settle: (outcome: Outcome) => void;
}

/** Offers under way at one controller. Pure bookkeeping: knows no time and sends nothing. */
export class PendingTable {
  readonly #prefix: string;
  readonly #max: number;
  readonly #byId = new Map<string, Pending>();
  readonly #byOffer = new Map<string, Pending>();
  #count = 0;

  /** `prefix` tells the ids of this controller's life from others'. */
  constructor(prefix: string, max: number) {
    this.#prefix = prefix;
    this.#max = max;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** @throws EdgeplaneError EXEC_TOO_MANY */
  add(offer: string, settle: (outcome: Outcome) => void): Pending {
    if (this.#byId.size >= this.#max) throw fail(controllerErrors.EXEC_TOO_MANY, { max: this.#max });
    this.#count += 1;
    // Space after JSON means nothing to who reads it, and everything to who compares it.
    let sent = offer;
    while (this.#byOffer.has(sent)) sent += ' ';
    const pending: Pending = {
      id: `${this.#prefix}-${this.#count}`,
      offer: sent,
      agents: new Set(),
      relays: new Set(),
      refusals: [],
      settle,
    };
    this.#byId.set(pending.id, pending);
    this.#byOffer.set(sent, pending);
    return pending;
  }

  /** Forgets it; later replies are nobody's. */
  remove(pending: Pending): void {
    this.#byId.delete(pending.id);
    this.#byOffer.delete(pending.offer);
  }

  /** Takes a reply of the peer. Replies to nothing, or from someone who was not asked, are ignored. */
  reply(message: ExecRequest, peer: bigint): void {
    const { requestId, offer, answer, err } = message;
    const pending = requestId === '' ? this.#byOffer.get(offer) : this.#byId.get(requestId);
    if (!pending || !(pending.agents.has(peer) || pending.relays.has(peer))) return;
    if (answer !== '') {
      this.#settle(pending, { kind: 'answer', answer });
      return;
    }
    if (err === '') return;
    if (!pending.refusals.includes(err)) pending.refusals.push(err);
    this.#heard(pending, peer);
  }

  /** Nobody replies through this peer any more. */
  disconnected(peer: bigint): void {
    for (const pending of [...this.#byId.values()]) {
      if (!pending.agents.has(peer) && !pending.relays.delete(peer)) continue;
      if (pending.agents.size > 0) this.#heard(pending, peer);
      else if (pending.relays.size === 0) this.#finish(pending);
    }
  }

  /** The cloudlet's own agents have the last word; without any, all relays may still bring an answer. */
  #heard(pending: Pending, peer: bigint): void {
    if (pending.agents.delete(peer) && pending.agents.size === 0) this.#finish(pending);
  }

  #finish(pending: Pending): void {
    const text = pending.refusals.join('; ');
    this.#settle(pending, text === '' ? { kind: 'lost' } : { kind: 'refused', text });
  }

  #settle(pending: Pending, outcome: Outcome): void {
    this.remove(pending);
    pending.settle(outcome);
  }
}
