import { type Clock, deferred, fail, sleep } from '@edgeplane/base';
import type { RTCPeerConnection } from 'werift';
import {
  CONTROL_LABEL,
  DATA_LABEL,
  decodeAgentControl,
  encodeControl,
  INPUT_WINDOW,
  type ShellEnd,
  type TerminalSize,
} from './control.js';
import { addressesIn, decodeDescription, encodeDescription } from './description.js';
import { shellErrors } from './errors.js';
import {
  bytesOf,
  ChannelWriter,
  type DataChannel,
  type IceServer,
  openPeer,
  whenClosed,
  whenFullyClosed,
  whenGone,
  whenOpen,
} from './peer.js';

/** What a caller's end of a shell is connected to. */
export interface ShellIo {
  /** Ends when there is no more to say; leaving the loop early stops reading. */
  readonly input: AsyncIterable<Uint8Array>;
  output(data: Uint8Array): Promise<void>;
  errors(data: Uint8Array): Promise<void>;
  /** Undefined without a terminal. */
  size?(): TerminalSize | undefined;
  /** Returns the function that ends it. */
  onResize?(listener: () => void): () => void;
}

export interface CallShellOptions {
  /** Sends the offer to the agent and returns its answer, both JSON. */
  readonly exchange: (offer: string) => Promise<string>;
  readonly io: ShellIo;
  readonly iceServers: readonly IceServer[];
  readonly clock: Clock;
  /** Ends the call; the shell ends with it. */
  readonly signal: AbortSignal;
  /** How long connecting may take, milliseconds; default 15 s. */
  readonly connectMs?: number;
}

/** How long an agent gets to open the control channel before it counts as one that knows none. */
const CONTROL_MS = 2000;
/** The same after it has closed the data channel: it has sent all it ever will. */
const NO_CONTROL_MS = 500;
/** How long the agent gets to confirm the end of the channel. */
const HANG_UP_MS = 1000;

/**
 * Opens a shell and stays until it ends (CRM spec section 12.2). Against an agent that knows no control channel the end
 * has neither status nor reason, and the end of input ends the shell.
 * @throws EdgeplaneError NO_ROUTE, CONNECTION_LOST, DESCRIPTION_INVALID, the reason of `signal`, and what `exchange` throws
 */
export async function callShell(options: CallShellOptions): Promise<ShellEnd> {
  const connection = openPeer(options.iceServers);
  const call = new ShellCall(connection, options);
  try {
    return await call.run();
  } finally {
    await call.hangUp();
    await connection.close();
  }
}

class ShellCall {
  readonly #connection: RTCPeerConnection;
  readonly #options: CallShellOptions;
  readonly #data: DataChannel;
  readonly #control = deferred<DataChannel>();
  readonly #ended = deferred<ShellEnd>();
  #exit: (ShellEnd & { readonly bytes: number }) | undefined;
  #controlled = false;
  #received = 0;
  #consumed = 0;
  #consumedMore = deferred<void>();
  /** Written in the order received. */
  #written: Promise<void> = Promise.resolve();

  constructor(connection: RTCPeerConnection, options: CallShellOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#data = connection.createDataChannel(DATA_LABEL);
    this.#data.onMessage.subscribe((message) => {
      const bytes = bytesOf(message);
      this.#received += bytes.length;
      this.#write(() => options.io.output(bytes));
      this.#checkEnd();
    });
    connection.onDataChannel.subscribe((channel) => {
      if (channel.label !== CONTROL_LABEL) return;
      channel.onMessage.subscribe((message) => this.#onControl(message));
      this.#controlled = true;
      void whenOpen(channel).then(() => channel.send(encodeControl({ hello: true })));
      this.#control.resolve(channel);
    });
  }

  async run(): Promise<ShellEnd> {
    const { signal } = this.#options;
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    await Promise.race([aborted, this.#connect()]);
    const gone = whenGone(this.#connection).then(() => {
      throw fail(shellErrors.CONNECTION_LOST);
    });
    const closed = whenClosed(this.#data).then(() => this.#endAfterClose());
    const resizes = this.#followSize();
    const over = new AbortController();
    const sending = this.#send(over.signal);
    try {
      const failed = sending.then(() => new Promise<never>(() => {}));
      const end: ShellEnd = await Promise.race([aborted, this.#ended.promise, closed, gone, failed]);
      await this.#written;
      return {
        ...(end.code === undefined ? {} : { code: end.code }),
        ...(end.reason === undefined ? {} : { reason: end.reason }),
      };
    } finally {
      over.abort();
      resizes();
      // The signal may be the caller's for much longer.
      aborted.catch(() => undefined);
      gone.catch(() => undefined);
      sending.catch(() => undefined);
    }
  }

  /** Closes the channel so that the agent hears of it now; closing the connection says nothing. */
  async hangUp(): Promise<void> {
    if (this.#connection.connectionState !== 'connected') return;
    this.#data.close();
    const late = deferred<void>();
    const cancel = this.#options.clock.after(HANG_UP_MS, () => late.resolve());
    await Promise.race([whenFullyClosed(this.#data), late.promise]);
    cancel();
  }

  async #connect(): Promise<void> {
    const { exchange, clock, connectMs = 15_000 } = this.#options;
    await this.#connection.setLocalDescription(await this.#connection.createOffer());
    const local = this.#connection.localDescription;
    if (!local) throw new Error('no local description after it was set');
    const answer = decodeDescription(
      await exchange(encodeDescription({ type: 'offer', sdp: local.sdp })),
      'answer',
    );
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    const stop = new AbortController();
    const addresses = addressesIn(answer).join(', ') || 'no address';
    const late = sleep(clock, connectMs, stop.signal).then(() => {
      throw fail(shellErrors.NO_ROUTE, { seconds: connectMs / 1000, addresses });
    });
    try {
      await Promise.race([whenOpen(this.#data), late]);
    } finally {
      stop.abort();
      late.catch(() => undefined);
    }
  }

  #onControl(message: string | Buffer): void {
    if (typeof message !== 'string') {
      this.#write(() => this.#options.io.errors(message));
      return;
    }
    const told = decodeAgentControl(message);
    if (!told) return;
    if ('consumed' in told) {
      this.#consumed = told.consumed;
      this.#consumedMore.resolve();
      this.#consumedMore = deferred();
    } else {
      this.#exit = told.exit;
      this.#checkEnd();
    }
  }

  /** The two channels keep no order between them, so the end says how much there is to come. */
  #checkEnd(): void {
    if (this.#exit && this.#received >= this.#exit.bytes) this.#ended.resolve(this.#exit);
  }

  /** The word of how it ended may come after the end of the data. */
  async #endAfterClose(): Promise<ShellEnd> {
    const ms = this.#controlled ? CONTROL_MS : NO_CONTROL_MS;
    const late = sleep(this.#options.clock, ms, this.#options.signal).catch(() => undefined);
    if (!this.#exit) await Promise.race([this.#ended.promise, late]);
    return this.#exit ?? {};
  }

  #write(work: () => Promise<void>): void {
    this.#written = this.#written.then(work);
    // Whoever waits for the end hears of it.
    this.#written.catch((error: unknown) => this.#ended.reject(error as Error));
  }

  #followSize(): () => void {
    const { io } = this.#options;
    const tell = () => {
      const size = io.size?.();
      if (size)
        this.#control.promise
          .then(async (channel) => {
            await whenOpen(channel);
            channel.send(encodeControl({ size }));
          })
          .catch(() => undefined);
    };
    tell();
    return io.onResize?.(tell) ?? (() => undefined);
  }

  async #send(over: AbortSignal): Promise<void> {
    const writer = new ChannelWriter(this.#data);
    const stopped = new Promise<void>((resolve) =>
      over.addEventListener('abort', () => resolve(), { once: true }),
    );
    for await (const chunk of this.#options.io.input) {
      if (over.aborted || !(await writer.write(chunk))) return;
      while (this.#controlled && !over.aborted && writer.sent - this.#consumed > INPUT_WINDOW)
        await Promise.race([this.#consumedMore.promise, stopped]);
      if (over.aborted) return;
    }
    const none = sleep(this.#options.clock, CONTROL_MS, over).catch(() => undefined);
    const control = await Promise.race([this.#control.promise, none]);
    if (over.aborted) return;
    if (!control) {
      await writer.delivered(this.#options.clock);
      this.#data.close();
    } else {
      await whenOpen(control);
      control.send(encodeControl({ eof: writer.sent }));
    }
  }
}
