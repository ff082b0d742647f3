import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, type Logger, Tally } from '@edgeplane/base';
import type { Ending } from './context.js';

/** Bounds of the connections of one server, which gRPC itself does not have. */
export interface ConnectionLimits {
  /** Connections at a time; more are closed as they come. */
  readonly max: number;
  /** The same, of one IP address. */
  readonly maxPerAddress: number;
  /**
   * A connection without a call is closed after this, milliseconds. 0: never, which costs a call less; then let
   * `Keepalive.maxIdleMs` end idle ones.
   */
  readonly firstCallMs: number;
  /**
   * How long a peer may take to read the answer of a call, after which its connection is broken off, milliseconds. 0: for ever,
   * which costs a call less; what waits is then bounded by `max` and `maxStreams`.
   */
  readonly lingerMs: number;
  /** Streams of one connection at a time. */
  readonly maxStreams: number;
}

/** Totals since the start, and how it stands. */
export interface ConnectionCounters {
  /** Connections there are. */
  readonly open: number;
  /** Connections closed because there were too many. */
  readonly refused: number;
  /** Connections closed because no call came, or an answer was not read. */
  readonly brokenOff: number;
}

interface Guarded {
  readonly socket: Socket;
  cancel: (() => void) | undefined;
}

/** Connections that may wait to be taken, if the kernel lets them; Node's own 511 is less than a fleet that comes back. */
const BACKLOG = 4096;
/** Lines about connections that were refused come no more often than this, milliseconds. */
const SAY_EVERY_MS = 10_000;

/**
 * Listens in the place of a gRPC server, and hands it only as many connections as the limits allow. What becomes of a
 * connection is known by its peer, `ip:port` as gRPC calls say it.
 */
export class GuardedListener {
  readonly #counters = { refused: 0, brokenOff: 0 };
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #open = new Map<string, Guarded>();
  readonly #perAddress = new Map<string, number>();
  readonly #tally: Tally;
  #lastRefusal = {};

  /** `take` gets each connection that is let in. */
  constructor(limits: ConnectionLimits, clock: Clock, logger: Logger, take: (socket: Socket) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#logger = logger;
    this.#tally = new Tally(clock, SAY_EVERY_MS, (times) =>
      logger.warn({ times, ...this.#lastRefusal }, 'Connections refused: there are too many'),
    );
    this.#server = createServer({ noDelay: true }, (socket) => {
      if (this.#admit(socket)) take(socket);
    });
  }

  get counters(): ConnectionCounters {
    return { ...this.#counters, open: this.#open.size };
  }

  /** Binds, and resolves with the actual port; rejects with the system's error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.removeListener('error', reject);
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound ? bound.port : port);
      });
    });
  }

  /** A call of this peer has begun. */
  called(peer: string): void {
    const guarded = this.#open.get(peer);
    guarded?.cancel?.();
    if (guarded) guarded.cancel = undefined;
  }

  /**
   * A call of this peer has its answer, whose end will tell that it was read, or is not wanted any more: if that does not come
   * soon, the connection is broken off with all that waits to be sent.
   */
  answered(peer: string, call: Ending): void {
    if (call.gone) return;
    const cancel = this.#clock.after(this.#limits.lingerMs, () =>
      this.#breakOff(peer, 'its answer is not read'),
    );
    call.onGone(cancel);
  }

  /** Takes no more connections; those that are open are closed by who has them. */
  stop(): void {
    this.#server.close();
    this.#tally.stop();
    for (const guarded of this.#open.values()) guarded.cancel?.();
  }

  #admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? '';
    const here = this.#perAddress.get(address) ?? 0;
    const { max, maxPerAddress, firstCallMs } = this.#limits;
    if (this.#open.size >= max || here >= maxPerAddress) {
      const [what, limit] = here >= maxPerAddress ? ['of one address', maxPerAddress] : ['in all', max];
      this.#lastRefusal = { address, what, limit };
      this.#counters.refused += 1;
      this.#tally.add();
      socket.destroy();
      return false;
    }
    const peer = `${address}:${socket.remotePort}`;
    const cancel =
      firstCallMs > 0
        ? this.#clock.after(firstCallMs, () => this.#breakOff(peer, 'no call came'))
        : undefined;
    this.#open.set(peer, { socket, cancel });
    this.#perAddress.set(address, here + 1);
    socket.once('close', () => this.#closed(peer, address));
    return true;
  }

  #closed(peer: string, address: string): void {
    this.#open.get(peer)?.cancel?.();
    this.#open.delete(peer);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  #breakOff(peer: string, reason: string): void {
    const guarded = this.#open.get(peer);
    if (!guarded) return;
    this.#counters.brokenOff += 1;
    this.#logger.info({ peer, reason }, 'Connection broken off');
    guarded.socket.destroy();
  }
}
