import type { Clock, Random } from '@edgeplane/base';
import { seededRandom } from '@edgeplane/base';
import { between } from './chance.js';
import type { Scheduler } from './scheduler.js';

/** 2026-01-01, where simulated clocks begin. */
const EPOCH = 1_767_225_600_000;
/** Clocks of different nodes differ by up to this, milliseconds. */
const SKEW_MS = 2000;
/** Timers fire up to this late, milliseconds. */
const LATE_MS = 2;

/**
 * One life of a process. When it is killed its objects stay in memory, but nothing that they do has any effect: its timers
 * never fire, its calls are never answered, and what it sends goes nowhere.
 */
export class SimNode {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly #scheduler: Scheduler;
  readonly #ends = new Set<() => void>();
  #alive = true;

  constructor(name: string, scheduler: Scheduler, random: Random) {
    this.name = name;
    this.#scheduler = scheduler;
    this.random = seededRandom(Math.floor(random.next() * 2 ** 32));
    const offset = EPOCH + between(random, -SKEW_MS, SKEW_MS);
    this.clock = {
      now: () => Math.floor(offset + scheduler.now),
      monotonic: () => scheduler.now,
      after: (ms, fn) =>
        this.#alive ? this.after(ms + this.random.next() * LATE_MS, 'timer', fn) : () => undefined,
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Calls `fn` after `ms`, unless the node is killed before; returns the function that cancels it. */
  after(ms: number, what: string, fn: () => void): () => void {
    return this.#scheduler.after(ms, `${this.name} ${what}`, () => {
      if (this.#alive) fn();
    });
  }

  /** Calls `fn` when the node is killed; returns the function that ends that. */
  onKill(fn: () => void): () => void {
    this.#ends.add(fn);
    return () => void this.#ends.delete(fn);
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const end of [...this.#ends]) end();
    this.#ends.clear();
  }
}
