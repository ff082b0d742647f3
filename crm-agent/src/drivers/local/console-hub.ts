import { connect, type Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { type Clock, deferred, fail, messageOf } from '@edgeplane/base';
import type { ShellEnd } from '@edgeplane/remote-shell';
import type { Shell } from '../../exec/shell.js';
import { localErrors } from './errors.js';

/** What the hub needs of the engine. */
export interface Consoles {
  /** Socket of a running machine's serial console; it takes one client at a time. */
  consoleSocket(id: string): Promise<string>;
  /** The end of what was written to it. */
  consoleTail(id: string, bytes: number): Promise<string>;
}

/** How much of what was there before a new viewer sees, bytes. */
const TAIL = 2048;
/** Output that may wait for one viewer, bytes; beyond it he misses some, as nobody may hold up the others. */
const BEHIND = 1024 * 1024;
/** After the end of input, this long a silence of the console is taken for the end of its answer, milliseconds. */
const QUIET_MS = 3000;

interface Viewer {
  readonly output: PassThrough;
  heard(): void;
  end(reason: string): void;
}

/** Serial consoles, each shared by any number of viewers: all see all output, and anyone's input goes in. */
export class ConsoleHub {
  readonly #consoles: Consoles;
  readonly #clock: Clock;
  readonly #lines = new Map<string, Promise<ConsoleLine>>();

  constructor(consoles: Consoles, clock: Clock) {
    this.#consoles = consoles;
    this.#clock = clock;
  }

  /** @throws EdgeplaneError CONSOLE_UNREACHABLE, and what the engine says of a machine that does not run */
  async open(id: string, plain: boolean): Promise<Shell> {
    const line = await this.#line(id);
    const tail = plain ? '' : await this.#consoles.consoleTail(id, TAIL);
    return line.view(tail, this.#clock);
  }

  async stop(): Promise<void> {
    for (const line of await Promise.allSettled(this.#lines.values()))
      if (line.status === 'fulfilled') line.value.end('the agent is stopping');
  }

  #line(id: string): Promise<ConsoleLine> {
    const known = this.#lines.get(id);
    if (known) return known;
    const line = this.#connect(id);
    this.#lines.set(id, line);
    const forget = () => {
      if (this.#lines.get(id) === line) this.#lines.delete(id);
    };
    line.then((opened) => opened.ended.then(forget), forget);
    return line;
  }

  async #connect(id: string): Promise<ConsoleLine> {
    const path = await this.#consoles.consoleSocket(id);
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) =>
        reject(fail(localErrors.CONSOLE_UNREACHABLE, { id, reason: messageOf(error) })),
      );
    });
    return new ConsoleLine(socket);
  }
}

/** The connection to one console; it lives as long as somebody looks. */
class ConsoleLine {
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #viewers = new Set<Viewer>();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const { output, heard } of this.#viewers) {
        if (output.writableLength + output.readableLength < BEHIND) output.write(data);
        heard();
      }
    });
    this.ended = new Promise((resolve) =>
      socket.once('close', () => {
        this.end('the virtual machine has stopped');
        resolve();
      }),
    );
  }

  end(reason: string): void {
    for (const viewer of [...this.#viewers]) viewer.end(reason);
    this.#socket.destroy();
  }

  view(tail: string, clock: Clock): Shell {
    const output = new PassThrough();
    const ended = deferred<ShellEnd>();
    let cancel = () => {};
    let noMore = false;
    const leave = (end: ShellEnd) => {
      cancel();
      output.end();
      ended.resolve(end);
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.#socket.destroy();
    };
    const viewer: Viewer = {
      output,
      heard: () => {
        if (!noMore) return;
        cancel();
        cancel = clock.after(QUIET_MS, () => leave({ code: 0 }));
      },
      end: (reason) => leave({ reason }),
    };
    this.#viewers.add(viewer);
    if (tail !== '') output.write(tail);
    const input = new Writable({
      write: (chunk, _, done) => void this.#socket.write(chunk, done),
      final: (done) => {
        noMore = true;
        viewer.heard();
        done();
      },
    });
    return {
      input,
      output,
      // A serial line has no size: whoever wants one sets it inside with stty.
      resize: async () => undefined,
      ended: ended.promise,
      close: async () => leave({ reason: 'closed' }),
    };
  }
}
