import { machineTime } from './child.js';
import { GrpcStream } from './grpc-stream.js';
import type { Agent, OnChanges } from './light-agent.js';

export const RAW_PATH = '/raw.Notify/Stream';

/** Of the size of an ack. */
const ANSWER = Buffer.alloc(4, 1);

/** The other end of the raw server: answers what comes together with one message, as the real ones acknowledge. */
export class RawAgent implements Agent {
  readonly #initial: number;
  readonly #onChanges: OnChanges;
  #stream: GrpcStream | undefined;
  #got = 0;
  #waiters: (() => void)[] = [];

  /** `initial`: messages that come to everybody at first. */
  constructor(initial: number, onChanges: OnChanges) {
    this.#initial = initial;
    this.#onChanges = onChanges;
  }

  get wire(): { readonly up: number; readonly down: number } {
    return this.#stream?.wire ?? { up: 0, down: 0 };
  }

  get roundTrips(): number {
    return 1;
  }

  synced(): Promise<void> {
    if (this.#got >= this.#initial) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  forget(): void {
    this.#got = 0;
  }

  connect(address: string): void {
    this.#got = 0;
    this.#stream = new GrpcStream(address, RAW_PATH, {
      onMessages: (messages) => {
        this.#got += messages.length;
        this.#stream?.send(ANSWER);
        this.#onChanges(messages.length, machineTime());
        if (this.#got >= this.#initial) for (const resolve of this.#waiters.splice(0)) resolve();
      },
      onEnd: () => undefined,
    });
    this.#stream.send(ANSWER);
  }

  cut(): void {
    this.#stream?.cut();
  }
}
