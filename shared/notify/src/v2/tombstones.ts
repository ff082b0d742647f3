/** Recent deletions of one type, so that who was away for a while can be told of them one by one. */
export class Tombstones {
  readonly #limit: number;
  readonly #revisions = new Map<string, number>();
  #floor: number;

  /** `floor`: nothing is known of deletions up to this revision. */
  constructor(limit: number, floor: number) {
    this.#limit = limit;
    this.#floor = floor;
  }

  add(keyJson: string, revision: number): void {
    this.#revisions.delete(keyJson);
    this.#revisions.set(keyJson, revision);
    for (const [oldest, at] of this.#revisions) {
      if (this.#revisions.size <= this.#limit) break;
      this.#revisions.delete(oldest);
      this.#floor = Math.max(this.#floor, at);
    }
  }

  /** The key is in use again. */
  remove(keyJson: string): void {
    this.#revisions.delete(keyJson);
  }

  /** Keys deleted after a revision; undefined when there may have been more. */
  since(revision: number): string[] | undefined {
    if (revision < this.#floor) return undefined;
    const found: string[] = [];
    for (const [key, at] of this.#revisions) if (at > revision) found.push(key);
    return found;
  }
}
