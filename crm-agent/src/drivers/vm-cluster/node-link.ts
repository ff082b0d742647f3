import type { Readable } from 'node:stream';
import type { Clock, Logger } from '@edgeplane/base';
import type { TerminalSize } from '@edgeplane/remote-shell';
import { type ContainerSpec, type KubeSpec, RemotePodman } from '../../engines/podman/index.js';
import { SshChannel, type SshTarget } from '../../engines/ssh/index.js';
import type { Shell, ShellRequest } from '../../exec/shell.js';
import { openContainerShell } from '../local/container-shell.js';
import type { NodeLink } from './engines.js';

const PODMAN_SOCKET = '/run/podman/podman.sock';
/** A machine without hardware acceleration takes its time, above all for its first pod, milliseconds. */
const CALL_MS = 300_000;
/** A ping that takes longer finds a node that is of no use, milliseconds. */
const PING_MS = 20_000;
/** How long the programs of a shell get to end after their terminal hung up, seconds. */
const HANG_UP_SECONDS = 1;

/** A node's podman behind its SSH server. */
export class SshNodeLink implements NodeLink {
  readonly #channel: SshChannel;
  readonly #podman: RemotePodman;
  readonly #clock: Clock;

  constructor(target: SshTarget, owner: string, { logger, clock }: { logger: Logger; clock: Clock }) {
    const channel = new SshChannel(target);
    this.#channel = channel;
    this.#clock = clock;
    const endpoint = {
      name: `${target.host}:${PODMAN_SOCKET}`,
      deadlineMs: CALL_MS,
      async route(signal: AbortSignal) {
        const stream = await channel.openSocket(PODMAN_SOCKET, signal);
        return { createConnection: () => stream };
      },
    };
    this.#podman = new RemotePodman({ endpoint, owner, logger, clock });
  }

  silence(signal: AbortSignal): Promise<string | undefined> {
    return this.#podman.silence({ signal, deadlineMs: PING_MS });
  }

  loadImage(id: string, archive: () => Promise<Readable>, signal: AbortSignal): Promise<void> {
    return this.#podman.loadImage(id, archive, { signal });
  }

  runContainer(spec: ContainerSpec) {
    return this.#podman.runContainer(spec);
  }

  playKube(spec: KubeSpec) {
    return this.#podman.playKube(spec);
  }

  remove(name: string): Promise<void> {
    return this.#podman.remove(name);
  }

  list() {
    return this.#podman.list();
  }

  recover(): Promise<void> {
    return this.#podman.recover();
  }

  async flush(signal: AbortSignal): Promise<void> {
    await this.#channel.run('sync', signal);
  }

  usage(name: string) {
    return this.#podman.figures.stats(name);
  }

  diskBytes(name: string): Promise<number> {
    return this.#podman.figures.diskBytes(name);
  }

  containerNames(name: string): Promise<readonly string[]> {
    return this.#podman.figures.containerNames(name);
  }

  openShell(
    container: string,
    request: Pick<ShellRequest, 'command' | 'plain'>,
    size: TerminalSize,
    signal: AbortSignal,
  ): Promise<Shell> {
    const { client } = this.#podman;
    const endsSession = async (pid: number) => () => this.#endSession(pid);
    return openContainerShell({ client, endsSession, container, request, size, signal });
  }

  close(): void {
    this.#channel.close();
  }

  async #endSession(pid: number): Promise<void> {
    const limit = new AbortController();
    const cancel = this.#clock.after(PING_MS, () => limit.abort(new Error('the node does not end a shell')));
    try {
      await this.#channel.run(`/usr/lib/edgeplane/end-session ${pid} ${HANG_UP_SECONDS}`, limit.signal);
    } finally {
      cancel();
    }
  }
}
