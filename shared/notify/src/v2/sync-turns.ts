/** The right to synchronise, or a place in the queue for it. */
export interface Turn {
  readonly granted: boolean;
  /** Gives it back, or leaves the queue. */
  end(): void;
}

interface Waiting {
  granted: boolean;
  readonly onGranted: () => void;
}

/** Lets a limited number of sessions synchronise at a time, in the order in which they came. */
export class SyncTurns {
  readonly #limit: number;
  readonly #taken = new Set<Waiting>();
  readonly #queue = new Set<Waiting>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Sessions that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** `onGranted` is called if the turn has to be waited for. */
  request(onGranted: () => void): Turn {
    const turn: Waiting = { granted: this.#taken.size < this.#limit, onGranted };
    (turn.granted ? this.#taken : this.#queue).add(turn);
    return {
      get granted() {
        return turn.granted;
      },
      end: () => {
        this.#queue.delete(turn);
        if (this.#taken.delete(turn)) this.#grant();
      },
    };
  }

  #grant(): void {
    const [next] = this.#queue;
    if (!next) return;
    this.#queue.delete(next);
    this.#taken.add(next);
    next.granted = true;
    next.onGranted();
  }
}
