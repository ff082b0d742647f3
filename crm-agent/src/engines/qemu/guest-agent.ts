import { connect, type Socket } from 'node:net';
import { type Clock, type Deferred, deferred, fail, isKind, messageOf } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import type { QmpClient } from './qmp.js';
import { checkSocketPath } from './socket-path.js';

export interface GuestAgentOptions {
  readonly id: string;
  readonly path: string;
  readonly clock: Clock;
  /** Any number; tells our answer from one that an earlier connection did not wait for. */
  readonly session: number;
  /** Time for each answer; default 3000. */
  readonly timeoutMs?: number;
}

/** Marks the beginning of an answer after which everything is ours. */
const MARK = 0xff;
/** The guest is not ours: what it sends is bounded. */
const LINE_MAX = 1024 * 1024;

/**
 * A client of the QEMU guest agent, the program within a guest that answers for it. One command at a time; answers are
 * the guest's word and no more. The owner calls {@link close}.
 */
export class GuestAgent {
  readonly #socket: Socket;
  readonly #options: GuestAgentOptions;
  #buffer = '';
  /** Before the mark there is only what was meant for others. */
  #synced = false;
  #waiting: Deferred<unknown> | undefined;
  #ended: Error | undefined;

  private constructor(socket: Socket, options: GuestAgentOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(messageOf(error)));
    socket.on('close', () => this.#end('the connection ended'));
  }

  /** Connects, and drops what others left in the channel. @throws guestAgentSilent when nobody answers */
  static async connect(options: GuestAgentOptions): Promise<GuestAgent> {
    const agent = new GuestAgent(connect(checkSocketPath(options.path)), options);
    try {
      // Makes the agent drop a command that was cut short, too.
      agent.#socket.write(Buffer.from([MARK]));
      const answer = await agent.execute('guest-sync-delimited', { id: options.session });
      if (answer !== options.session) throw agent.#silent('its answer is to another question');
      return agent;
    } catch (error) {
      agent.close();
      throw error;
    }
  }

  /** Runs a command and gives its `return` member. @throws guestAgentSilent, guestAgentRefused */
  async execute(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    timeoutMs = this.#options.timeoutMs ?? 3000,
  ): Promise<unknown> {
    if (this.#ended) throw this.#ended;
    const waiting = deferred<unknown>();
    this.#waiting = waiting;
    const cancel = this.#options.clock.after(timeoutMs, () => this.#end(`no answer in ${timeoutMs} ms`));
    try {
      this.#send(command, args);
      const answer = (await waiting.promise) as { return?: unknown; error?: { desc?: string } };
      if (answer.error === undefined) return answer.return;
      const reason = answer.error.desc ?? 'no reason given';
      throw fail(qemuErrors.guestAgentRefused, { id: this.#options.id, command, reason });
    } finally {
      cancel();
    }
  }

  /** Sends a command that is not answered when it works, such as `guest-shutdown`. */
  tell(command: string, args?: Readonly<Record<string, unknown>>): void {
    this.#send(command, args);
  }

  /** Ends the connection when what was sent has gone out. */
  close(): void {
    this.#socket.end();
    this.#end('closed by us', false);
  }

  #send(command: string, args?: Readonly<Record<string, unknown>>): void {
    this.#socket.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}) })}\n`);
  }

  #receive(chunk: string): void {
    this.#buffer += chunk;
    const mark = this.#buffer.lastIndexOf(String.fromCharCode(MARK));
    if (mark >= 0) {
      this.#buffer = this.#buffer.slice(mark + 1);
      this.#synced = true;
    } else if (!this.#synced) this.#buffer = '';
    if (this.#buffer.length > LINE_MAX) this.#end(`a line is longer than ${LINE_MAX} characters`);
    for (;;) {
      const end = this.#buffer.indexOf('\n');
      if (end < 0) return;
      const line = Buffer.from(this.#buffer.slice(0, end), 'latin1').toString('utf8').trim();
      this.#buffer = this.#buffer.slice(end + 1);
      if (line !== '') this.#answer(line);
    }
  }

  #answer(line: string): void {
    try {
      this.#waiting?.resolve(JSON.parse(line));
    } catch {
      this.#end(`not JSON: ${line.slice(0, 80)}`);
    }
  }

  #end(reason: string, now = true): void {
    if (now) this.#socket.destroy();
    if (this.#ended) return;
    this.#ended = this.#silent(reason);
    this.#waiting?.promise.catch(() => undefined);
    this.#waiting?.reject(this.#ended);
  }

  #silent(reason: string): Error {
    return fail(qemuErrors.guestAgentSilent, { id: this.#options.id, reason });
  }
}

/** True for a failure that means there is nobody to talk to. */
export function isSilent(error: unknown): boolean {
  return isKind(error, qemuErrors.guestAgentSilent);
}

/** Talks to the agent of a guest. False when nobody answers. */
export async function withAgent(
  options: Omit<GuestAgentOptions, 'session'>,
  work: (agent: GuestAgent) => Promise<void> | void,
): Promise<boolean> {
  let agent: GuestAgent | undefined;
  try {
    agent = await GuestAgent.connect({ ...options, session: options.clock.now() % 2 ** 31 });
    await work(agent);
    return true;
  } catch (error) {
    if (isSilent(error)) return false;
    throw error;
  } finally {
    agent?.close();
  }
}

/** Whether a program within the guest has opened the channel. */
export async function agentIsOpen(qmp: QmpClient): Promise<boolean> {
  const channels = (await qmp.execute('query-chardev')) as { label: string; 'frontend-open': boolean }[];
  return channels.some((channel) => channel.label === AGENT_CHARDEV && channel['frontend-open']);
}

/** What the command line calls the channel to the agent. */
export const AGENT_CHARDEV = 'agent';
