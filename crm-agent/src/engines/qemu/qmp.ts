import { connect, type Socket } from 'node:net';
import { type Clock, type Deferred, deferred, fail, messageOf } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { checkSocketPath } from './socket-path.js';

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch, from QEMU. */
  readonly at: number;
}

export interface QmpOptions {
  readonly path: string;
  readonly clock: Clock;
  /** Time for the handshake and for each command that gives no other; default 5000. */
  readonly timeoutMs?: number;
}

interface Pending {
  readonly command: string;
  readonly answer: Deferred<unknown>;
  readonly cancelTimer: () => void;
}

type Message = Readonly<Record<string, unknown>>;

/** One line of QMP is never this long; more means the peer is something else. */
const LINE_MAX = 64 * 1024 * 1024;

/**
 * A client of the QEMU Machine Protocol on a UNIX socket. One connection, no reconnect: when it ends every waiting
 * command fails with `qmpClosed` and {@link closed} resolves. A QMP socket serves one client at a time, so the
 * handshake of a second one times out. The owner calls {@link close}.
 */
export class QmpClient {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #greeting = deferred<Message>();
  readonly #closed = deferred<string>();
  #chunks: string[] = [];
  #buffered = 0;
  #ended = false;
  #seq = 0;

  private constructor(socket: Socket, options: QmpOptions) {
    this.#socket = socket;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? 5000;
    this.#greeting.promise.catch(() => undefined);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(messageOf(error)));
    socket.on('close', () => this.#end('QEMU closed the socket'));
  }

  /** Connects and leaves negotiation mode. */
  static async connect(options: QmpOptions): Promise<QmpClient> {
    const client = new QmpClient(connect(checkSocketPath(options.path)), options);
    const cancel = client.#clock.after(client.#timeoutMs, () =>
      client.#end(`no greeting from ${options.path} in ${client.#timeoutMs} ms`),
    );
    try {
      await client.#greeting.promise;
      await client.execute('qmp_capabilities');
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      cancel();
    }
  }

  /** Resolves with the reason when the connection has ended, for whatever cause. */
  get closed(): Promise<string> {
    return this.#closed.promise;
  }

  /** Runs a command and gives its `return` member. */
  execute(command: string, args?: Message, timeoutMs = this.#timeoutMs): Promise<unknown> {
    if (this.#ended) return Promise.reject(fail(qemuErrors.qmpClosed, { reason: 'it was closed before' }));
    const id = ++this.#seq;
    const answer = deferred<unknown>();
    const cancelTimer = this.#clock.after(timeoutMs, () => {
      this.#pending.delete(id);
      answer.reject(fail(qemuErrors.qmpTimeout, { command, ms: timeoutMs }));
    });
    this.#pending.set(id, { command, answer, cancelTimer });
    this.#socket.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}), id })}\n`);
    return answer.promise;
  }

  /** Calls `listener` for each event from now on; gives the function that ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Events from the first `next()` on, until the connection ends or `signal` aborts. */
  async *events(signal?: AbortSignal): AsyncGenerator<QmpEvent, void, void> {
    const queue: QmpEvent[] = [];
    let wake = deferred();
    let over = this.#ended || (signal?.aborted ?? false);
    const finish = () => {
      over = true;
      wake.resolve();
    };
    const stop = this.onEvent((event) => {
      queue.push(event);
      wake.resolve();
    });
    signal?.addEventListener('abort', finish, { once: true });
    this.#closed.promise.then(finish, finish);
    try {
      for (;;) {
        const event = queue.shift();
        if (event) yield event;
        else if (over) return;
        else {
          await wake.promise;
          wake = deferred();
        }
      }
    } finally {
      stop();
      signal?.removeEventListener('abort', finish);
    }
  }

  /** Ends the connection; the machine runs on. */
  close(): void {
    this.#end('closed by us');
  }

  #receive(chunk: string): void {
    const lines = chunk.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      const whole = this.#chunks.join('') + line;
      this.#chunks = [];
      this.#buffered = 0;
      if (whole.trim() !== '') this.#dispatch(whole);
    }
    this.#chunks.push(last);
    this.#buffered += last.length;
    if (this.#buffered > LINE_MAX) this.#end(`a line is longer than ${LINE_MAX} characters`);
  }

  #dispatch(line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch {
      this.#end(`not JSON: ${line.slice(0, 80)}`);
      return;
    }
    if ('QMP' in message) this.#greeting.resolve(message);
    else if (typeof message['event'] === 'string') this.#emit(message['event'], message);
    else if (typeof message['id'] === 'number') this.#settle(message['id'], message);
  }

  #emit(event: string, message: Message): void {
    const time = message['timestamp'] as { seconds?: number; microseconds?: number } | undefined;
    const at = (time?.seconds ?? 0) * 1000 + Math.floor((time?.microseconds ?? 0) / 1000);
    const data = (message['data'] ?? {}) as Message;
    for (const listener of [...this.#listeners]) listener({ event, data, at });
  }

  #settle(id: number, message: Message): void {
    const pending = this.#pending.get(id);
    // An answer that comes after its time limit has nobody who waits for it.
    if (!pending) return;
    this.#pending.delete(id);
    pending.cancelTimer();
    const error = message['error'] as { class?: string; desc?: string } | undefined;
    if (!error) pending.answer.resolve(message['return']);
    else {
      const params = { command: pending.command, class: error.class ?? '', reason: error.desc ?? '' };
      pending.answer.reject(fail(qemuErrors.qmpRefused, params));
    }
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    const error = fail(qemuErrors.qmpClosed, { reason });
    this.#greeting.reject(error);
    for (const pending of this.#pending.values()) {
      pending.cancelTimer();
      pending.answer.reject(error);
    }
    this.#pending.clear();
    this.#closed.resolve(reason);
  }
}
