import { Duplex } from 'node:stream';
import type { NotifyCall, NotifyCaller, NotifyDialer } from './transport.js';

/** One end of a pair of streams of messages: what is written to one is read from the other. */
class Half extends Duplex {
  peer: Half | undefined;
  /** Every message that was written. */
  readonly sent: Buffer[] = [];
  #resume: (() => void) | undefined;

  constructor() {
    super({ objectMode: true, allowHalfOpen: true });
  }

  override _read(): void {
    const resume = this.peer?.takeResume();
    resume?.();
  }

  takeResume(): (() => void) | undefined {
    const resume = this.#resume;
    this.#resume = undefined;
    return resume;
  }

  override _write(message: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(message);
    if (this.peer?.push(message) ?? true) done();
    else this.#resume = done;
  }

  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }
}

/** Connections between clients and a server in one process, which can be cut and looked at. */
export class TestLink {
  /** Undefined: nobody listens. */
  server: { accept(stream: Duplex, caller: NotifyCaller): Promise<void> } | undefined;
  readonly #open = new Set<{ readonly near: Half; readonly far: Half; readonly gone: AbortController }>();
  /** Connections that were tried. */
  dialled = 0;
  /** Frames of the last connection. */
  last: { readonly up: readonly Buffer[]; readonly down: readonly Buffer[] } = { up: [], down: [] };

  readonly dial: NotifyDialer = () => this.#dial();

  /** Cuts all connections: neither end learns more than that. */
  cut(): void {
    for (const link of [...this.#open]) this.#end(link, new Error('the connection was cut'));
  }

  /** Clients lose their connections; servers hear nothing of it. */
  forgetClient(): void {
    for (const link of [...this.#open]) {
      this.#open.delete(link);
      link.far.peer = undefined;
      link.near.peer = undefined;
      link.near.destroy(new Error('the connection was lost'));
    }
  }

  #dial(): NotifyCall {
    this.dialled += 1;
    const near = new Half();
    const far = new Half();
    near.peer = far;
    far.peer = near;
    const gone = new AbortController();
    const link = { near, far, gone };
    this.#open.add(link);
    this.last = { up: near.sent, down: far.sent };
    // Errors of a stream that its reader has left mean nothing.
    for (const half of [near, far]) half.on('error', () => undefined);
    if (!this.server) setImmediate(() => this.#end(link, new Error('nobody listens')));
    else {
      this.server
        .accept(far, { peer: 'test', identity: undefined, signal: gone.signal })
        .then(() => far.end())
        .catch((error: Error) => this.#end(link, error));
    }
    return {
      stream: near,
      farewell: async () => {
        near.end();
        await new Promise((resolve) => setImmediate(resolve));
      },
      close: () => this.#end(link, undefined),
    };
  }

  #end(
    link: { readonly near: Half; readonly far: Half; readonly gone: AbortController },
    error?: Error,
  ): void {
    if (!this.#open.delete(link)) return;
    const { near, far, gone } = link;
    gone.abort();
    near.destroy(error);
    far.destroy(error ?? new Error('the client is gone'));
  }
}
