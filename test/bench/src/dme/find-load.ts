import { ratePerSecond } from '../load.js';
import { cpuEach, type Usage } from '../notify/usage.js';
import { type BareCaller, bareCaller } from '../raw-client.js';

export const ECHO_PATH = '/raw.Raw/Echo';
const IN_FLIGHT = 64;

export interface Calls {
  /** Per second. */
  readonly rate: number;
  /** Processor time of the server per call, microseconds. */
  readonly cpu: number;
  /** Of each call, milliseconds. */
  readonly times: readonly number[];
}

/** Calls of a method, 64 of them in flight. */
export class Load {
  readonly #path: string;
  readonly #requests: readonly Uint8Array[];
  readonly #usage: () => Usage;
  readonly #caller: BareCaller;

  /** `usage` is the server's. */
  constructor(address: string, path: string, requests: readonly Uint8Array[], usage: () => Usage) {
    this.#path = path;
    this.#requests = requests;
    this.#usage = usage;
    this.#caller = bareCaller(address);
  }

  async run(calls: number): Promise<Calls> {
    const times: number[] = [];
    const before = this.#usage();
    const rate = await ratePerSecond(calls, IN_FLIGHT, async (i) => {
      const began = performance.now();
      await this.#caller.unary(this.#path, this.#requests[i % this.#requests.length] ?? new Uint8Array());
      times.push(performance.now() - began);
    });
    return { rate, cpu: cpuEach(before, this.#usage(), calls), times };
  }

  close(): void {
    this.#caller.close();
  }
}
