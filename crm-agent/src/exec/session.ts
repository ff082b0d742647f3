import { Readable } from 'node:stream';
import { type Clock, deferred, type Logger, messageOf } from '@edgeplane/base';
import {
  bytesOf,
  ChannelWriter,
  CONTROL_LABEL,
  DATA_LABEL,
  type DataChannel,
  decodeCallerControl,
  decodeDescription,
  encodeControl,
  encodeDescription,
  type IceServer,
  INPUT_WINDOW,
  openPeer,
  type ShellEnd,
  type TerminalSize,
  whenClosed,
  whenFullyClosed,
  whenGone,
} from '@edgeplane/remote-shell';
import { DEFAULT_SIZE, type Shell, type StartShell } from './shell.js';

export interface SessionOptions {
  readonly start: StartShell;
  readonly iceServers: readonly IceServer[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the caller gets to connect, milliseconds. */
  readonly connectMs: number;
  /** How long nothing may be said on either side, milliseconds. */
  readonly idleMs: number;
}

/** Input that may wait for a shell that does not read: callers that know no window are cut off beyond it. */
const MAX_INPUT = 16 * INPUT_WINDOW;
/** How long the caller gets to take the end of the output, milliseconds. */
const FAREWELL_MS = 5000;

/**
 * One caller's connection to one shell, from its offer to the end of either (CRM spec section 12.2). It ends by itself;
 * `ended` tells when nothing of it is left.
 */
export class ShellSession {
  readonly ended: Promise<void>;
  readonly #options: SessionOptions;
  readonly #connection;
  readonly #over = new AbortController();
  readonly #connected = deferred<DataChannel>();
  /** The caller closes the data channel itself, after it has heard how the shell ended. */
  #knowsControl = false;
  #cancelIdle: () => void = () => undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#connection = openPeer(options.iceServers);
    this.#connection.onDataChannel.subscribe((channel) => {
      if (channel.label === DATA_LABEL) this.#connected.resolve(channel);
    });
    void whenGone(this.#connection).then(() => this.end('the caller is gone'));
    const cancel = options.clock.after(options.connectMs, () => this.end('the caller never connected'));
    void this.#connected.promise.then(cancel);
    this.#over.signal.addEventListener('abort', cancel, { once: true });
    this.ended = this.#run();
  }

  /** @throws EdgeplaneError DESCRIPTION_INVALID; the session has ended then. */
  async answer(offer: string): Promise<string> {
    try {
      const { sdp } = decodeDescription(offer, 'offer');
      await this.#connection.setRemoteDescription({ type: 'offer', sdp });
      await this.#connection.setLocalDescription(await this.#connection.createAnswer());
      const local = this.#connection.localDescription;
      if (!local) throw new Error('no local description after it was set');
      return encodeDescription({ type: 'answer', sdp: local.sdp });
    } catch (error) {
      this.end(messageOf(error));
      throw error;
    }
  }

  /** Ends it; `reason` is told to the caller. The first reason counts. */
  end(reason: string): void {
    this.#over.abort(new Error(reason));
  }

  async #run(): Promise<void> {
    const over = new Promise<undefined>((resolve) =>
      this.#over.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    );
    try {
      const data = await Promise.race([this.#connected.promise, over]);
      if (data) await this.#serve(data, over);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'Remote shell failed');
    } finally {
      this.#cancelIdle();
      this.end('the session is over');
      await this.#connection.close();
    }
  }

  async #serve(data: DataChannel, over: Promise<undefined>): Promise<void> {
    void whenClosed(data).then(() => this.end('the caller hung up'));
    const control = this.#connection.createDataChannel(CONTROL_LABEL);
    const writer = new ChannelWriter(data);
    const input = new InputQueue((consumed) => control.send(encodeControl({ consumed })));
    data.onMessage.subscribe((message) => {
      this.#busy();
      if (!input.push(bytesOf(message))) this.end('the shell does not take in what is sent');
    });
    let size: TerminalSize = DEFAULT_SIZE;
    let shell: Shell | undefined;
    control.onMessage.subscribe((message) => {
      const told = typeof message === 'string' ? decodeCallerControl(message) : undefined;
      if (told && 'hello' in told) this.#knowsControl = true;
      if (told && 'eof' in told) input.endAfter(told.eof);
      if (!told || !('size' in told)) return;
      size = told.size;
      shell?.resize(size).catch((error: unknown) => {
        this.#options.logger.debug({ reason: messageOf(error) }, 'A terminal was not resized');
      });
    });
    this.#busy();
    try {
      const sizeAtStart = size;
      shell = await this.#options.start(size, this.#over.signal);
      if (size !== sizeAtStart) await shell.resize(size).catch(() => undefined);
      const end = await this.#pump(shell, input, writer, control, over);
      await this.#farewell(end, writer, control, data);
    } catch (error) {
      await this.#farewell({ reason: messageOf(error) }, writer, control, data);
    } finally {
      await shell?.close();
    }
  }

  async #pump(
    shell: Shell,
    input: InputQueue,
    writer: ChannelWriter,
    control: DataChannel,
    over: Promise<undefined>,
  ): Promise<ShellEnd> {
    shell.input.on('error', () => undefined);
    void input.feed(shell.input);
    const errors = shell.errors ?? Readable.from([]);
    const errorWriter = new ChannelWriter(control);
    const all = Promise.all([this.#forward(shell.output, writer), this.#forward(errors, errorWriter)]);
    const end = await Promise.race([all.then(() => shell.ended), over]);
    all.catch(() => undefined);
    return end ?? { reason: messageOf(this.#over.signal.reason) };
  }

  async #forward(output: Readable, writer: ChannelWriter): Promise<void> {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      this.#busy();
      if (this.#over.signal.aborted || !(await writer.write(chunk))) return;
    }
  }

  /** Tells how it ended, then closes the channel, which is all that older callers hear. */
  async #farewell(
    end: ShellEnd,
    writer: ChannelWriter,
    control: DataChannel,
    data: DataChannel,
  ): Promise<void> {
    if (data.readyState === 'closed' || this.#connection.connectionState !== 'connected') return;
    control.send(encodeControl({ exit: { ...end, bytes: writer.sent } }));
    const { clock } = this.#options;
    const all = Promise.all([writer.delivered(clock), new ChannelWriter(control).delivered(clock)]);
    await this.#within(FAREWELL_MS, all);
    if (this.#knowsControl) await this.#within(FAREWELL_MS, whenClosed(data));
    data.close();
    await this.#within(FAREWELL_MS, Promise.race([whenFullyClosed(data), whenGone(this.#connection)]));
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const late = deferred<void>();
    const cancel = this.#options.clock.after(ms, () => late.resolve());
    await Promise.race([work, late.promise]);
    cancel();
  }

  #busy(): void {
    this.#cancelIdle();
    const { clock, idleMs } = this.#options;
    if (this.#over.signal.aborted) return;
    this.#cancelIdle = clock.after(idleMs, () => this.end(`nothing was said for ${idleMs / 1000} s`));
  }
}

/** Input between the channel, which cannot be held back, and the shell. */
class InputQueue {
  readonly #consumed: (total: number) => void;
  readonly #chunks: Buffer[] = [];
  #waiting = 0;
  #received = 0;
  #taken = 0;
  #total = Number.POSITIVE_INFINITY;
  #more = deferred<void>();

  /** `consumed` hears of each piece that was taken in, as a running total. */
  constructor(consumed: (total: number) => void) {
    this.#consumed = consumed;
  }

  /** False when too much waits. */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    this.#received += chunk.length;
    this.#more.resolve();
    return this.#waiting <= MAX_INPUT;
  }

  /** There are this many bytes in all. */
  endAfter(total: number): void {
    this.#total = total;
    this.#more.resolve();
  }

  /** Feeds a shell until it takes no more, or there is no more. */
  async feed(input: Shell['input']): Promise<void> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        const taken = await new Promise<boolean>((resolve) => input.write(chunk, (error) => resolve(!error)));
        if (!taken) return;
        this.#waiting -= chunk.length;
        this.#taken += chunk.length;
        this.#consumed(this.#taken);
      } else if (this.#received >= this.#total) {
        input.end();
        return;
      } else {
        this.#more = deferred();
        await this.#more.promise;
      }
    }
  }
}
