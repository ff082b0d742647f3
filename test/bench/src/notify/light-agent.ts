import { Backoff, systemRandom } from '@edgeplane/base';
import type { Digest, Held } from '@edgeplane/proto/edgeplane/notify.js';
import { NoticeAction, NotifyApiService } from '@edgeplane/proto/edgeproto/notice.js';
import { machineTime } from './child.js';
import { ack, glance, opening, report } from './frames.js';
import { GrpcStream } from './grpc-stream.js';

/** As real clients reconnect, milliseconds. */
const BACKOFF = { base: 250, max: 3_000 };

export interface LightAgentOptions {
  readonly version: number;
  readonly node: string;
  /** Full names. */
  readonly wants: readonly string[];
  /** The agent's own, which it reports; undefined: it wants everything and reports nothing. */
  readonly cloudlet: string | undefined;
  readonly onChanges: OnChanges;
}

/** What a server has many of. */
export interface Agent {
  /** Connects; `insist`: again and again until {@link cut}, as a real client does. */
  connect(address: string, insist?: boolean): void;
  /** Resolves when everything that there was at the beginning is here, at once if it is. */
  synced(): Promise<void>;
  /** Forgets what it holds. */
  forget(): void;
  /** Breaks the connection. */
  cut(): void;
  /** Bytes on the present connection, HTTP/2 included. */
  readonly wire: { readonly up: number; readonly down: number };
  /** How often it had to wait for an answer until it was in step. */
  readonly roundTrips: number;
}

/** Called with the number of changes that an agent has got, and when it had acknowledged them by {@link machineTime}. */
export type OnChanges = (changes: number, at: number) => void;

/**
 * Speaks either version of the protocol, acknowledges what it gets and keeps nothing of it but what was last said of the
 * sum: for what a server does when it has many.
 */
export class LightAgent implements Agent {
  readonly #options: LightAgentOptions;
  readonly #held = new Map<string, { readonly digest: Digest; readonly revision: bigint }>();
  readonly #backoff = new Backoff(BACKOFF, systemRandom);
  #stream: GrpcStream | undefined;
  #types: readonly string[] = [];
  #server = '';
  #lineage = '';
  #synced = false;
  #turns = 0;
  #again: (() => void) | undefined;
  #waiters: (() => void)[] = [];

  constructor(options: LightAgentOptions) {
    this.#options = options;
  }

  get wire(): { readonly up: number; readonly down: number } {
    return this.#stream?.wire ?? { up: 0, down: 0 };
  }

  get roundTrips(): number {
    return this.#turns;
  }

  synced(): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  forget(): void {
    this.#held.clear();
    this.#server = '';
  }

  connect(address: string, insist = false): void {
    const { version, node, wants, cloudlet } = this.#options;
    this.#synced = false;
    this.#turns = 1;
    this.#again = insist ? () => this.connect(address, true) : undefined;
    this.#stream = new GrpcStream(address, NotifyApiService.streamNotice.path, {
      onMessages: (messages) => this.#take(messages),
      onEnd: () => {
        this.#synced = false;
        const again = this.#again;
        if (again) setTimeout(again, this.#backoff.next());
      },
    });
    this.#stream.send(
      opening({ version, node, wants, cloudlet, held: this.#heldOf(wants), lastServer: this.#server }),
    );
  }

  cut(): void {
    this.#again = undefined;
    this.#stream?.cut();
    this.#synced = false;
  }

  #heldOf(wants: readonly string[]): Held[] {
    return wants.flatMap((type) => {
      const held = this.#held.get(type);
      return held ? [{ type, lineage: this.#lineage, newest: held.revision, ...held }] : [];
    });
  }

  #take(messages: readonly Buffer[]): void {
    let last = 0;
    let changes = 0;
    for (const message of messages) {
      const { action, hello, sync, sequence, ...seen } = glance(message);
      changes += seen.changes;
      if (hello) {
        this.#types = hello.types;
        this.#server = hello.node;
        this.#lineage = hello.lineage;
        if (this.#options.cloudlet !== undefined) this.#stream?.send(report(this.#options.cloudlet));
      }
      for (const { type, mark, revision } of sync)
        if (mark?.$case === 'digest')
          this.#held.set(this.#types[type] ?? '', { digest: mark.value, revision });
      if (sequence > 0) last = sequence;
      if (sync.some(({ mark }) => mark?.$case === 'reset')) this.#turns += 1;
      if (action === NoticeAction.SENDALL_END) this.#inStep();
    }
    if (last > 0) this.#stream?.send(ack(last));
    if (changes > 0) this.#options.onChanges(changes, machineTime());
  }

  #inStep(): void {
    this.#synced = true;
    this.#backoff.reset();
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
