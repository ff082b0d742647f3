import type { PeerInfo, Wanted } from '@edgeplane/notify';

type Sort = 'cloudlets' | 'whole';
type Listener = (add: Wanted, remove: Wanted, number: number) => void;

interface Waiter {
  readonly peer: bigint;
  /** Whether what it waits for is here. */
  readonly isHere: () => boolean;
  readonly settle: (error?: unknown) => void;
}

const SORTS: readonly Sort[] = ['cloudlets', 'whole'];

/** Names of one sort that peers want, how many each, and the number of the state in which each came to be wanted. */
class Names {
  readonly #since = new Map<string, number>();
  readonly #wanting = new Map<string, number>();

  keys(): string[] {
    return [...this.#since.keys()];
  }

  since(name: string): number | undefined {
    return this.#since.get(name);
  }

  /** Whether nobody wanted it before. */
  add(name: string, number: number): boolean {
    const wanting = this.#wanting.get(name) ?? 0;
    this.#wanting.set(name, wanting + 1);
    if (wanting === 0) this.#since.set(name, number);
    return wanting === 0;
  }

  /** Whether nobody wants it any more. */
  remove(name: string): boolean {
    const wanting = (this.#wanting.get(name) ?? 0) - 1;
    if (wanting > 0) this.#wanting.set(name, wanting);
    else {
      this.#wanting.delete(name);
      this.#since.delete(name);
    }
    return wanting <= 0;
  }
}

/**
 * What the peers below want together, which is what is asked for above. States of it are numbered; the node above says up
 * to which number everything has come. What came once stays here while it is wanted, also without a link.
 */
export class Demand {
  readonly #names: Readonly<Record<Sort, Names>> = { cloudlets: new Names(), whole: new Names() };
  readonly #peers = new Map<bigint, Readonly<Record<Sort, Set<string>>>>();
  readonly #listeners = new Set<Listener>();
  readonly #waiters = new Set<Waiter>();
  #number = 1;
  #reached = 0;

  get wanted(): Wanted & { readonly number: number } {
    const { cloudlets, whole } = this.#names;
    return { cloudlets: cloudlets.keys(), whole: whole.keys(), number: this.#number };
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Everything of the state with this number is here. */
  inStep(number: number): void {
    if (number <= this.#reached) return;
    this.#reached = number;
    for (const waiter of [...this.#waiters]) if (waiter.isHere()) waiter.settle();
  }

  /** Whether anything has ever come from above. */
  get begun(): boolean {
    return this.#reached > 0;
  }

  /** Resolves when something has come from above. */
  whenBegun(signal: AbortSignal): Promise<void> {
    return this.#wait(-1n, () => this.begun, signal);
  }

  /** What the peer wants is this, and no more. Resolves when it is here; rejects when `signal` aborts or the peer is gone. */
  wantOnly(peer: PeerInfo, wanted: Wanted, signal: AbortSignal): Promise<void> {
    const before = this.#peers.get(peer.id);
    const obsolete = {
      cloudlets: [...(before?.cloudlets ?? [])].filter((name) => !wanted.cloudlets.includes(name)),
      whole: [...(before?.whole ?? [])].filter((name) => !wanted.whole.includes(name)),
    };
    this.#change(peer, wanted, obsolete);
    return this.#whenHere(peer, wanted, signal);
  }

  want(peer: PeerInfo, wanted: Wanted, signal: AbortSignal): Promise<void> {
    this.#change(peer, wanted, { cloudlets: [], whole: [] });
    return this.#whenHere(peer, wanted, signal);
  }

  unwant(peer: PeerInfo, wanted: Wanted): void {
    this.#change(peer, { cloudlets: [], whole: [] }, wanted);
  }

  /** The peer is gone for good. */
  release(peer: PeerInfo): void {
    const known = this.#peers.get(peer.id);
    if (known) this.unwant(peer, { cloudlets: [...known.cloudlets], whole: [...known.whole] });
    for (const waiter of [...this.#waiters])
      if (waiter.peer === peer.id) waiter.settle(new Error('the peer is gone'));
  }

  /** Resolves when what is here is as new as what was above at the time of the call. */
  fresh(signal: AbortSignal): Promise<void> {
    this.#number += 1;
    const number = this.#number;
    const nothing = { cloudlets: [], whole: [] };
    for (const listener of [...this.#listeners]) listener(nothing, nothing, number);
    return this.#wait(-1n, () => this.#reached >= number, signal);
  }

  #change(peer: PeerInfo, add: Wanted, remove: Wanted): void {
    const known = this.#peers.get(peer.id) ?? { cloudlets: new Set<string>(), whole: new Set<string>() };
    this.#peers.set(peer.id, known);
    const added = { cloudlets: [] as string[], whole: [] as string[] };
    const removed = { cloudlets: [] as string[], whole: [] as string[] };
    for (const sort of SORTS) {
      for (const name of add[sort]) {
        if (known[sort].has(name)) continue;
        known[sort].add(name);
        if (this.#names[sort].add(name, this.#number + 1)) added[sort].push(name);
      }
      for (const name of remove[sort])
        if (known[sort].delete(name) && this.#names[sort].remove(name)) removed[sort].push(name);
    }
    if (SORTS.every((sort) => known[sort].size === 0)) this.#peers.delete(peer.id);
    if (SORTS.every((sort) => added[sort].length + removed[sort].length === 0)) return;
    this.#number += 1;
    for (const listener of [...this.#listeners]) listener(added, removed, this.#number);
  }

  #whenHere(peer: PeerInfo, { cloudlets, whole }: Wanted, signal: AbortSignal): Promise<void> {
    const reached = (names: Names, name: string) => (names.since(name) ?? 0) <= this.#reached;
    const isHere = () =>
      this.begun &&
      cloudlets.every((name) => reached(this.#names.cloudlets, name)) &&
      whole.every((name) => reached(this.#names.whole, name));
    return this.#wait(peer.id, isHere, signal);
  }

  #wait(peer: bigint, isHere: () => boolean, signal: AbortSignal): Promise<void> {
    if (isHere()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', abort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const abort = () => settle(signal.reason);
      const waiter: Waiter = { peer, isHere, settle };
      this.#waiters.add(waiter);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }
}
