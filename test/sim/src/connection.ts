import { Duplex } from 'node:stream';
import { type Random, seededRandom } from '@edgeplane/base';
import { between } from './chance.js';
import { Pipe } from './pipe.js';
import type { Scheduler } from './scheduler.js';
import type { SimNode } from './sim-node.js';

export type Side = 'client' | 'server';

/** An error as gRPC has it for a connection that is no more. */
export function unavailable(details: string): Error {
  return Object.assign(new Error(`14 UNAVAILABLE: ${details}`), { code: 14, details });
}

export interface ConnectionOptions {
  readonly id: number;
  readonly client: SimNode;
  readonly server: SimNode;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly blocked: () => boolean;
}

/** A stream between two nodes. Each end learns on its own, and late, that the other one is gone. */
export class Connection {
  readonly id: number;
  readonly client: SimNode;
  readonly server: SimNode;
  readonly ends: Readonly<Record<Side, Duplex>>;
  /** Aborted when the server's end is broken off. */
  readonly clientGone = new AbortController();
  readonly #pipes: Readonly<Record<Side, Pipe>>;
  readonly #over: Record<Side, boolean> = { client: false, server: false };

  constructor(options: ConnectionOptions) {
    const { id, client, server, scheduler, blocked } = options;
    this.id = id;
    this.client = client;
    this.server = server;
    const random = seededRandom(Math.floor(options.random.next() * 2 ** 32));
    const latencyMs = between(random, 0.2, random.next() < 0.2 ? 150 : 8);
    const pipe = (to: Side) =>
      new Pipe({
        label: `#${id} ${client.name}${to === 'server' ? '->' : '<-'}${server.name}`,
        scheduler,
        random,
        latencyMs,
        blocked,
        target: () => (this.#over[to] || !this[to].alive ? undefined : this.ends[to]),
        breakOff: (error) => this.#breakOff(to, error),
      });
    this.#pipes = { client: pipe('client'), server: pipe('server') };
    this.ends = { client: this.#end('client'), server: this.#end('server') };
  }

  /** Whether both ends still take it for open. */
  get open(): boolean {
    return !this.#over.client && !this.#over.server;
  }

  isOver(side: Side): boolean {
    return this.#over[side] || !this[side].alive;
  }

  /** One end closes the stream; the other hears of it after what is under way, or instead of it. */
  close(by: Side, error: Error | undefined, drop: boolean): void {
    if (this.#over[by]) return;
    this.#breakOff(by, undefined);
    this.#pipes[other(by)].break(error, drop);
  }

  /** One end finds the connection dead. What it had sent may still arrive. */
  lose(side: Side, reason: string): void {
    if (!this.isOver(side)) this.#breakOff(side, unavailable(reason));
  }

  /** One end's process is gone, and what it did not send with it. */
  vanish(side: Side): void {
    this.#over[side] = true;
    this.#pipes[side].clear();
  }

  /** What was blocked may go on. */
  resume(): void {
    this.#pipes.client.resume();
    this.#pipes.server.resume();
  }

  /** Makes it so many times slower than it was to begin with. */
  slow(factor: number): void {
    for (const pipe of Object.values(this.#pipes)) pipe.slowness = factor;
  }

  #breakOff(side: Side, error: Error | undefined): void {
    if (this.#over[side]) return;
    this.#over[side] = true;
    // A server is told by the signal and the close, a client by the status.
    if (side === 'server') this.clientGone.abort(new Error('the client is gone'));
    const end = this.ends[side];
    if (!end.destroyed) end.destroy(side === 'client' ? error : undefined);
  }

  #end(side: Side): Duplex {
    const outgoing = this.#pipes[other(side)];
    const mute = () => this.#over[side] || !this[side].alive;
    const end = new Duplex({
      objectMode: true,
      read: () => this.#pipes[side].read(),
      write: (bytes: Buffer, _encoding, done) => {
        if (!mute()) outgoing.send(bytes, done);
      },
      final: (done) => {
        if (!mute()) outgoing.end();
        done();
      },
    });
    // Whoever reads listens too; this is for what breaks before anybody does.
    end.on('error', () => undefined);
    return end;
  }
}

function other(side: Side): Side {
  return side === 'client' ? 'server' : 'client';
}
