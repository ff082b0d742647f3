import type { Duplex } from 'node:stream';
import { type ApiCaller, part } from './api-caller.js';
import type { CallOptions } from './http.js';

export interface ExecSpec {
  readonly argv: readonly string[];
  /** A terminal; without one input, output and standard error are three pipes. */
  readonly terminal: boolean;
  readonly env: readonly string[];
}

export interface ExecState {
  readonly running: boolean;
  /** On podman's machine; 0 when it does not run. */
  readonly pid: number;
  /** Known for some seconds after the end. */
  readonly exitCode: number;
}

/** Programs that run in containers beside their own. */
export class ExecCalls {
  readonly #api: ApiCaller;

  constructor(api: ApiCaller) {
    this.#api = api;
  }

  /** Its id; it is started by {@link attach}. */
  async create(container: string, spec: ExecSpec, options: CallOptions = {}): Promise<string> {
    const { Id } = await this.#api.json<{ Id: string }>({
      method: 'POST',
      path: part('containers', container, 'exec'),
      body: {
        ...{ Cmd: spec.argv, Tty: spec.terminal, Env: spec.env },
        ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
      },
      action: `prepare ${spec.argv[0] ?? ''} in container ${container}`,
      subject: { kind: 'container', name: container },
      ...options,
    });
    return Id;
  }

  /**
   * Starts it and hands over its connection, which ends with it. With a terminal the bytes are the terminal's own;
   * without, output comes in the frames that {@link frames} takes apart. Ending our half ends its input.
   */
  attach(
    id: string,
    options: CallOptions & { readonly terminal: boolean; readonly cols: number; readonly rows: number },
  ): Promise<Duplex> {
    const { terminal, cols, rows, ...rest } = options;
    return this.#api.upgrade({
      method: 'POST',
      path: part('exec', id, 'start'),
      body: { Detach: false, Tty: terminal, h: rows, w: cols },
      action: 'start a program in a container',
      subject: { kind: 'program', name: id },
      ...rest,
    });
  }

  async resize(id: string, cols: number, rows: number, options: CallOptions = {}): Promise<void> {
    await this.#api.done({
      method: 'POST',
      path: part('exec', id, 'resize'),
      query: { h: String(rows), w: String(cols) },
      action: 'resize a terminal',
      subject: { kind: 'program', name: id },
      ...options,
    });
  }

  async state(id: string, options: CallOptions = {}): Promise<ExecState> {
    const { Running, Pid, ExitCode } = await this.#api.json<{
      readonly Running: boolean;
      readonly Pid: number;
      readonly ExitCode: number;
    }>({
      method: 'GET',
      path: part('exec', id, 'json'),
      action: 'look at a program in a container',
      subject: { kind: 'program', name: id },
      ...options,
    });
    return { running: Running, pid: Pid, exitCode: ExitCode };
  }
}
