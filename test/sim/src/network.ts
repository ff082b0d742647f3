import type { Duplex } from 'node:stream';
import type { Random } from '@edgeplane/base';
import type { NotifyCall, NotifyCaller, NotifyDialer } from '@edgeplane/notify';
import { between, happens } from './chance.js';
import { Connection, type Side, unavailable } from './connection.js';
import type { Scheduler } from './scheduler.js';
import type { SimNode } from './sim-node.js';

/** How long an end takes to find out by itself that the other one is out of reach, milliseconds. */
const KEEPALIVE_MS = [30_000, 60_000] as const;
/** How long the system tries to connect, milliseconds. */
const CONNECT_MS = 20_000;

type Accept = (stream: Duplex, caller: NotifyCaller) => Promise<void>;

interface Listener {
  readonly node: SimNode;
  readonly accept: Accept;
}

/** All connections of a run, and what can happen to them. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #listeners = new Map<string, Listener>();
  readonly #connections = new Set<Connection>();
  /** Connections that were made since the start. */
  made = 0;
  /** Pairs of node names that cannot reach each other. */
  readonly #partitions = new Set<string>();
  /** Connects that wait for a partition to heal. */
  readonly #blocked = new Set<() => void>();
  #count = 0;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /** Streams between two living ends. */
  get connections(): readonly Connection[] {
    return [...this.#connections].filter((connection) => connection.open);
  }

  listen(address: string, node: SimNode, accept: Accept): void {
    this.#listeners.set(address, { node, accept });
    node.onKill(() => this.close(address, node));
  }

  /** No new connections; those that are open stay. */
  close(address: string, node: SimNode): void {
    if (this.#listeners.get(address)?.node === node) this.#listeners.delete(address);
  }

  /** How a node dials; `onDial` hears of every attempt. */
  dialer(node: SimNode, onDial: () => void = () => undefined): NotifyDialer {
    return (address) => {
      onDial();
      return this.#dial(node, address);
    };
  }

  isPartitioned(a: string, b: string): boolean {
    return this.#partitions.has(pair(a, b));
  }

  /** Nothing gets through between two nodes until {@link heal}. Each end of each connection finds out by itself. */
  partition(a: string, b: string): void {
    this.#partitions.add(pair(a, b));
    for (const connection of this.connections) {
      if (!connects(connection, a, b)) continue;
      for (const side of ['client', 'server'] as const)
        this.#scheduler.after(between(this.#random, ...KEEPALIVE_MS), `#${connection.id} keepalive`, () => {
          // Once healed, an end whose other one is gone meanwhile is told so in answer to its ping.
          const other = side === 'client' ? 'server' : 'client';
          if (this.isPartitioned(a, b) || connection.isOver(other))
            connection.lose(side, 'keepalive timed out');
        });
    }
  }

  heal(a: string, b: string): void {
    this.#partitions.delete(pair(a, b));
    for (const connection of this.#connections) if (connects(connection, a, b)) connection.resume();
    for (const retry of [...this.#blocked]) retry();
  }

  healAll(): void {
    for (const both of [...this.#partitions]) {
      const [a = '', b = ''] = both.split('|');
      this.heal(a, b);
    }
  }

  /** Both ends lose the connection, each at a moment of its own. */
  reset(connection: Connection): void {
    for (const side of ['client', 'server'] as const)
      this.#scheduler.after(between(this.#random, 0, 50), `#${connection.id} reset`, () =>
        connection.lose(side, 'connection reset'),
      );
  }

  /** One end loses the connection; the other one takes it for open until its keepalive. */
  halfOpen(connection: Connection, lost: Side): void {
    connection.lose(lost, 'connection lost');
    this.#scheduler.after(between(this.#random, ...KEEPALIVE_MS), `#${connection.id} keepalive`, () =>
      connection.lose(lost === 'client' ? 'server' : 'client', 'keepalive timed out'),
    );
  }

  #dial(client: SimNode, address: string): NotifyCall {
    const listener = this.#listeners.get(address);
    const id = this.#count++;
    const server = listener?.node ?? client;
    const connection = new Connection({
      ...{ id, client, server, scheduler: this.#scheduler, random: this.#random },
      blocked: () => this.isPartitioned(client.name, server.name),
    });
    client.onKill(() => this.#killed(connection, 'client'));
    if (listener) this.#connect(connection, listener);
    else
      client.after(between(this.#random, 0, 5), 'refused', () =>
        connection.lose('client', 'connection refused'),
      );
    const stream = connection.ends.client;
    return {
      stream,
      farewell: (clock, graceMs) =>
        new Promise((resolve) => {
          const cancel = clock.after(graceMs, resolve);
          stream.once('close', () => {
            cancel();
            resolve();
          });
          stream.resume();
          stream.end();
        }),
      close: () => connection.close('client', undefined, happens(this.#random, 0.5)),
    };
  }

  #connect(connection: Connection, { node, accept }: Listener): void {
    const { client } = connection;
    const began = this.#scheduler.now;
    const attempt = () => {
      if (!client.alive || connection.isOver('client')) return;
      if (this.isPartitioned(client.name, node.name)) {
        if (this.#scheduler.now - began > CONNECT_MS) connection.lose('client', 'connect timed out');
        else this.#whenHealed(client, attempt);
        return;
      }
      if (!node.alive) {
        connection.lose('client', 'connection refused');
        return;
      }
      this.#connections.add(connection);
      this.made += 1;
      node.onKill(() => this.#killed(connection, 'server'));
      void this.#serve(connection, accept);
    };
    this.#scheduler.after(
      between(this.#random, 0.2, 20),
      `#${connection.id} ${client.name} connects`,
      attempt,
    );
  }

  #whenHealed(client: SimNode, attempt: () => void): void {
    const retry = () => {
      this.#blocked.delete(retry);
      cancel();
      client.after(between(this.#random, 0, 1000), 'reconnects', attempt);
    };
    const cancel = client.after(CONNECT_MS + 1, 'gives up', retry);
    this.#blocked.add(retry);
  }

  async #serve(connection: Connection, accept: Accept): Promise<void> {
    const stream = connection.ends.server;
    const caller = {
      peer: `${connection.client.name}:${connection.id}`,
      identity: undefined,
      signal: connection.clientGone.signal,
    };
    try {
      await accept(stream, caller);
      if (connection.server.alive) stream.end();
    } catch (error) {
      connection.close('server', unavailable(String(error)), false);
    } finally {
      this.#connections.delete(connection);
    }
  }

  /** A process died: mostly its system says so at once, but not when the machine died with it. */
  #killed(connection: Connection, side: Side): void {
    if (connection.isOver(side === 'client' ? 'server' : 'client')) return;
    connection.vanish(side);
    const [low, high] = happens(this.#random, 0.7) ? [0, 20] : KEEPALIVE_MS;
    this.#scheduler.after(between(this.#random, low, high), `#${connection.id} peer died`, () =>
      connection.lose(side === 'client' ? 'server' : 'client', 'connection reset by peer'),
    );
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}

function connects({ client, server }: Connection, a: string, b: string): boolean {
  return pair(client.name, server.name) === pair(a, b);
}
