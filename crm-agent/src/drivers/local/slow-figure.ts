import type { Clock } from '@edgeplane/base';

/** Figures that cost much to find out, each kept for a while. */
export class SlowFigure {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #known = new Map<string, { readonly figure: number; readonly at: number }>();

  constructor(clock: Clock, keepMs: number) {
    this.#clock = clock;
    this.#keepMs = keepMs;
  }

  /** The figure as it was found out no longer than the given time ago. */
  async of(name: string, findOut: () => Promise<number>): Promise<number> {
    const known = this.#known.get(name);
    const now = this.#clock.monotonic();
    if (known && now - known.at < this.#keepMs) return known.figure;
    const figure = await findOut();
    this.#known.set(name, { figure, at: now });
    return figure;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }
}
