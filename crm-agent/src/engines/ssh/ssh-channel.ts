import type { Duplex } from 'node:stream';
import { fail, messageOf, Slots } from '@edgeplane/base';
import ssh2, { type Client, type ClientChannel } from 'ssh2';
import { sshErrors } from './errors.js';
import { wireForm } from './keys.js';
import { SocketStream } from './socket-stream.js';

export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** OpenSSH form; never logged. */
  readonly privateKey: string;
  /** The only key the server may have, as one line: a connection to anybody else fails. */
  readonly hostKey: string;
}

/** Streams open at a time in one connection; further ones wait. */
const MAX_STREAMS = 48;
/** A guest that is starved of CPU takes its time for the key exchange, milliseconds. */
const CONNECT_MS = 30_000;
/** A connection is given up when this many probes in a row go unanswered. */
const PROBE_MS = 10_000;
const PROBES = 3;
const MAX_OUTPUT = 64 * 1024;

/**
 * An authenticated way to a machine: streams to its unix sockets and commands, all in one SSH connection, which is made
 * when it is needed and made anew after it broke. Streams that were open when it broke end with an error.
 */
export class SshChannel {
  readonly #target: SshTarget;
  readonly #slots = new Slots(MAX_STREAMS);
  #connection: Promise<Client> | undefined;
  #current: Client | undefined;
  #closed = false;

  constructor(target: SshTarget) {
    this.#target = target;
  }

  /** A stream to a unix socket of the machine. */
  async openSocket(path: string, signal: AbortSignal): Promise<Duplex> {
    const { channel, release } = await this.#stream(`a stream to ${path}`, signal, (client, done) =>
      client.openssh_forwardOutStreamLocal(path, done),
    );
    const stream = new SocketStream(channel);
    stream.once('close', release);
    // Whoever uses it listens too; an error before that must not end the process.
    stream.on('error', () => undefined);
    return stream;
  }

  /**
   * Runs a command of the machine's shell to its end; its output, of which the first 64 KiB are kept.
   * @throws SSH_COMMAND_FAILED when its status is not 0
   */
  async run(command: string, signal: AbortSignal): Promise<string> {
    const { channel, release } = await this.#stream(`command ${command}`, signal, (client, done) =>
      client.exec(command, done),
    );
    let output = '';
    const keep = (chunk: Buffer) => {
      if (output.length < MAX_OUTPUT) output += chunk.toString();
    };
    channel.on('data', keep);
    channel.stderr.on('data', keep);
    channel.on('error', () => undefined);
    let how = 'a lost connection';
    const stop = () => channel.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await new Promise<void>((resolve) =>
        channel.once('close', (code?: number | null, name?: string) => {
          if (typeof code === 'number') how = `status ${code}`;
          else if (name !== undefined) how = `signal ${name}`;
          resolve();
        }),
      );
    } finally {
      signal.removeEventListener('abort', stop);
      release();
    }
    signal.throwIfAborted();
    if (how === 'status 0') return output;
    const { host } = this.#target;
    throw fail(sshErrors.SSH_COMMAND_FAILED, { command, host, how, output: output.trim().slice(-500) });
  }

  /** Ends the connection and every stream in it; the channel cannot be used any more. */
  close(): void {
    this.#closed = true;
    this.#current?.destroy();
  }

  async #stream(
    what: string,
    signal: AbortSignal,
    open: (client: Client, done: (error: Error | undefined, stream: ClientChannel) => void) => void,
  ): Promise<{ channel: ClientChannel; release: () => void }> {
    const release = await this.#slots.take(signal);
    try {
      const client = await aborting(signal, this.#connected());
      const channel = await aborting(signal, this.#opened(what, client, open), (late) => late.close());
      return { channel, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #opened(
    what: string,
    client: Client,
    open: (client: Client, done: (error: Error | undefined, stream: ClientChannel) => void) => void,
  ): Promise<ClientChannel> {
    const { host } = this.#target;
    return new Promise((resolve, reject) => {
      const lost = () => reject(fail(sshErrors.SSH_UNREACHABLE, { host, reason: 'the connection was lost' }));
      client.once('close', lost);
      try {
        open(client, (error, stream) => {
          client.removeListener('close', lost);
          if (error) reject(fail(sshErrors.SSH_REFUSED, { host, what, reason: error.message }));
          else resolve(stream);
        });
      } catch (error) {
        client.removeListener('close', lost);
        reject(fail(sshErrors.SSH_UNREACHABLE, { host, reason: messageOf(error) }));
      }
    });
  }

  #connected(): Promise<Client> {
    const { host } = this.#target;
    if (this.#closed)
      return Promise.reject(fail(sshErrors.SSH_UNREACHABLE, { host, reason: 'the channel is closed' }));
    this.#connection ??= this.#connect().catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    return this.#connection;
  }

  #connect(): Promise<Client> {
    const { host, port, username, privateKey, hostKey } = this.#target;
    const expected = wireForm(hostKey);
    const client = new ssh2.Client();
    this.#current = client;
    // Every stream listens for the end.
    client.setMaxListeners(0);
    return new Promise((resolve, reject) => {
      let reason = '';
      client.once('ready', () => resolve(client));
      client.on('error', (error) => {
        reason ||= error.message;
      });
      client.once('close', () => {
        if (this.#current === client) {
          this.#current = undefined;
          this.#connection = undefined;
        }
        reject(fail(sshErrors.SSH_UNREACHABLE, { host, reason: reason || 'the connection was closed' }));
      });
      client.connect({
        ...{ host, port, username, privateKey },
        readyTimeout: CONNECT_MS,
        keepaliveInterval: PROBE_MS,
        keepaliveCountMax: PROBES,
        hostVerifier: (key: Buffer) => {
          const same = key.equals(expected);
          if (!same) reason = 'it has another host key than this node was given';
          return same;
        },
        algorithms: {
          serverHostKey: ['ssh-ed25519'],
          // Both sides have instructions for it.
          cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'],
        },
      });
    });
  }
}

/** The result of `work`, or the reason of `signal` if that comes first; `late` gets a result nobody waits for. */
function aborting<T>(signal: AbortSignal, work: Promise<T>, late: (value: T) => void = () => undefined) {
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    work.then(
      (value) => {
        signal.removeEventListener('abort', stop);
        if (signal.aborted) late(value);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', stop);
        reject(error);
      },
    );
  });
}
