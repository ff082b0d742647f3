import { type ApiCaller, type Labels, part } from './api-caller.js';
import { demultiplex } from './api-streams.js';
import type { ContainerInspect, ContainerListed, ContainerStats, ExecResult } from './api-types.js';
import type { CallOptions } from './http.js';

type Query = Readonly<Record<string, string | readonly string[]>>;

export class ContainerCalls {
  readonly #api: ApiCaller;

  constructor(api: ApiCaller) {
    this.#api = api;
  }

  async create(
    spec: { readonly name: string; readonly image: string },
    options: CallOptions = {},
  ): Promise<string> {
    const answer = await this.#api.json<{ Id: string }>({
      method: 'POST',
      path: '/containers/create',
      body: spec,
      action: `create container ${spec.name}`,
      subject: { kind: 'container', name: spec.name, image: spec.image },
      ...options,
    });
    return answer.Id;
  }

  async start(name: string, options: CallOptions = {}): Promise<void> {
    await this.#on(name, 'start', {}, options);
  }

  async stop(name: string, graceSeconds: number, options: CallOptions = {}): Promise<void> {
    await this.#on(name, 'stop', { timeout: String(graceSeconds) }, options);
  }

  async kill(name: string, signal: string, options: CallOptions = {}): Promise<void> {
    await this.#on(name, 'kill', { signal }, options);
  }

  /** Waits until the container is in one of the states; returns its exit code. */
  async wait(name: string, condition: readonly string[], options: CallOptions = {}): Promise<number> {
    return Number((await this.#on(name, 'wait', { condition }, options)).body.toString());
  }

  /** Removes it with its anonymous volumes, running or not. Also removes storage that has no container any more. */
  async remove(name: string, options: CallOptions = {}): Promise<void> {
    await this.#api.done({
      method: 'DELETE',
      path: part('containers', name),
      query: { force: 'true', v: 'true', timeout: '2' },
      action: `remove container ${name}`,
      subject: { kind: 'container', name },
      ...options,
    });
  }

  inspect(name: string, options: CallOptions = {}): Promise<ContainerInspect> {
    const subject = { kind: 'container', name };
    const path = part('containers', name, 'json');
    return this.#api.json({ method: 'GET', path, action: `inspect container ${name}`, subject, ...options });
  }

  /** All containers with these labels. `external` adds storage that no container record points at. */
  list(
    labels: Labels = {},
    options: CallOptions & { readonly external?: boolean } = {},
  ): Promise<ContainerListed[]> {
    const { external = false, ...rest } = options;
    const query = { all: 'true', external: String(external) };
    const call = {
      method: 'GET',
      path: '/containers/json',
      query,
      action: 'list containers',
      ...rest,
    } as const;
    return this.#api.listed<ContainerListed>(call, labels, (container) => container.Labels);
  }

  /** What each of the containers with these labels has written over its image, bytes. */
  async sizes(labels: Labels, options: CallOptions = {}): Promise<number[]> {
    const call = {
      method: 'GET',
      path: '/containers/json',
      query: { all: 'true', size: 'true' },
      action: 'read sizes of containers',
      ...options,
    } as const;
    const listed = await this.#api.listed<ContainerListed>(call, labels, (container) => container.Labels);
    return listed.map(({ Size }) => Size?.rwSize ?? 0);
  }

  /** The last `tail` lines of both outputs, in the order written. */
  async logs(name: string, tail: number, options: CallOptions = {}): Promise<string> {
    const answer = await this.#api.done({
      method: 'GET',
      path: part('containers', name, 'logs'),
      query: { stdout: 'true', stderr: 'true', tail: String(tail) },
      action: `read the log of container ${name}`,
      subject: { kind: 'container', name },
      ...options,
    });
    return demultiplex(answer.body).all;
  }

  /** Both outputs as {@link frames} takes them apart: the last `tail` lines, and with `follow` what comes until it ends. */
  openLogs(name: string, tail: number, follow: boolean, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.#api.opened({
      method: 'GET',
      path: part('containers', name, 'logs'),
      query: { stdout: 'true', stderr: 'true', tail: String(tail), follow: String(follow) },
      action: `read the log of container ${name}`,
      subject: { kind: 'container', name },
      signal,
    });
  }

  async stats(names: readonly string[], options: CallOptions = {}): Promise<ContainerStats[]> {
    const answer = await this.#api.json<{ Stats: ContainerStats[] | null }>({
      method: 'GET',
      path: '/containers/stats',
      query: { stream: 'false', containers: names },
      action: 'read usage',
      subject: { kind: 'container', name: names.join(', ') },
      ...options,
    });
    return answer.Stats ?? [];
  }

  /** Runs a program in the container and returns what it wrote. The deadline is for all of it. */
  async exec(name: string, argv: readonly string[], options: CallOptions = {}): Promise<ExecResult> {
    const about = {
      action: `run ${argv[0] ?? ''} in container ${name}`,
      subject: { kind: 'container', name },
      ...options,
    };
    const command = { Cmd: argv, AttachStdout: true, AttachStderr: true, Tty: false };
    const { Id: id } = await this.#api.json<{ Id: string }>({
      method: 'POST',
      path: part('containers', name, 'exec'),
      body: command,
      ...about,
    });
    const body = { Detach: false, Tty: false };
    const ran = await this.#api.done({ method: 'POST', path: part('exec', id, 'start'), body, ...about });
    const after = await this.#api.json<{ ExitCode: number }>({
      method: 'GET',
      path: part('exec', id, 'json'),
      ...about,
    });
    const { stdout, stderr } = demultiplex(ran.body);
    return { exitCode: after.ExitCode, stdout, stderr };
  }

  #on(name: string, verb: string, query: Query, options: CallOptions) {
    const subject = { kind: 'container', name };
    const path = part('containers', name, verb);
    return this.#api.done({
      method: 'POST',
      path,
      query,
      action: `${verb} container ${name}`,
      subject,
      ...options,
    });
  }
}
