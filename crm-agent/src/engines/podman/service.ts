import { spawn } from 'node:child_process';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import {
  Backoff,
  type Clock,
  deferred,
  fail,
  type Logger,
  messageOf,
  sleep,
  systemRandom,
} from '@edgeplane/base';
import { addressPrefixes, claimPlace } from './address-place.js';
import { endProcesses, findProcesses, lastLine, type ProcessId, processId, until } from './commands.js';
import { podmanErrors } from './errors.js';
import { replaceFile } from './files.js';
import type { PodmanLayout } from './layout.js';
import { containersConf, globalFlags, type PodmanSettings, podmanEnv, storageConf } from './settings.js';

export interface PodmanServiceOptions {
  readonly layout: PodmanLayout;
  readonly settings: PodmanSettings;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Answers whether the service takes requests. */
  ping(): Promise<boolean>;
}

const START_LIMIT_MS = 30_000;

/**
 * Owns one `podman system service` with private state and restarts it when it dies. Containers do not depend on
 * it: each has a conmon of its own, so they outlive both this process and the service. The service runs in a session
 * of its own, so that a Ctrl-C meant for the agent does not reach it; one that a killed agent left is ended at the
 * next start. The caller has claimed the state directory.
 */
export class PodmanService {
  readonly #o: PodmanServiceOptions;
  readonly #abort = new AbortController();
  #ended: Promise<void> | undefined;
  #ready = deferred();
  #child: ProcessId | undefined;
  #stopping: Promise<void> | undefined;
  /** What the service said when it last ended by itself, for the error of who waits for it. */
  #fault = '';

  constructor(options: PodmanServiceOptions) {
    this.#o = options;
    // Whoever needs the service waits for this promise; when nobody does, its failure is no news.
    this.#ready.promise.catch(() => undefined);
  }

  /** Process id of the running service. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends a service left by a dead agent, starts ours and waits until it answers. */
  async start(): Promise<void> {
    const { layout, settings, clock } = this.#o;
    await replaceFile(
      layout.containersConf,
      containersConf(layout, settings, addressPrefixes(await claimPlace(layout))),
    );
    await replaceFile(layout.storageConf, storageConf(layout, settings));
    await endProcesses(await this.#services(), 10_000, clock);
    this.#ended = this.#supervise();
    await this.ready(START_LIMIT_MS);
  }

  /** Resolves when the service answers; a restart in between is waited for. */
  async ready(limitMs = START_LIMIT_MS): Promise<void> {
    const cancel = deferred<never>();
    const stopTimer = this.#o.clock.after(limitMs, () =>
      cancel.reject(this.#unavailable(`not ready within ${limitMs} ms${this.#fault}`)),
    );
    try {
      await Promise.race([this.#ready.promise, cancel.promise]);
    } finally {
      stopTimer();
    }
  }

  /** Ends the service; containers keep running. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#abort.abort(new Error('podman service stopped'));
    this.#ready.reject(this.#unavailable('stopped'));
    if (this.#child) await endProcesses([this.#child], 10_000, this.#o.clock);
    await this.#ended;
    await rm(this.#o.layout.socket, { force: true });
  }

  #unavailable(reason: string) {
    return fail(podmanErrors.PODMAN_UNAVAILABLE, { socket: this.#o.layout.socket, reason });
  }

  #services(): Promise<ProcessId[]> {
    const address = `unix://${this.#o.layout.socket}`;
    return findProcesses((argv) => argv.includes('service') && argv.includes(address));
  }

  async #supervise(): Promise<void> {
    const { clock, logger } = this.#o;
    const { signal } = this.#abort;
    const backoff = new Backoff({ base: 100, max: 10_000 }, systemRandom);
    while (!signal.aborted) {
      try {
        const exit = await this.#launch(backoff);
        if (signal.aborted) return;
        const output = await this.#lastOutput();
        this.#fault = `; it ended with ${exit}: ${output}`;
        logger.warn({ exit, output }, 'Podman service ended; starting it again');
      } catch (error) {
        if (signal.aborted) return;
        logger.error({ err: error }, 'Podman service does not start');
      }
      await sleep(clock, backoff.next(), signal).catch(() => undefined);
    }
  }

  /** Runs the service once; resolves with how it ended. */
  async #launch(backoff: Backoff): Promise<string> {
    const { layout, settings, clock, logger } = this.#o;
    const { signal } = this.#abort;
    await rm(layout.socket, { force: true });
    await this.#rotateLog();
    // Output goes to a file: conmon and the exit commands inherit it and live on when we do not.
    const log = await open(layout.serviceLog, 'a', 0o600);
    const ended = deferred<string>();
    try {
      const args = [
        ...globalFlags(layout, settings),
        'system',
        'service',
        '--time=0',
        `unix://${layout.socket}`,
      ];
      const child = spawn('podman', args, {
        env: podmanEnv(layout),
        cwd: layout.stateDir,
        stdio: ['ignore', log.fd, log.fd],
        detached: true,
      });
      child.once('error', (error) => ended.resolve(messageOf(error)));
      child.once('exit', (code, by) => ended.resolve(by === null ? `status ${code}` : `signal ${by}`));
      if (child.pid !== undefined) this.#child = await processId(child.pid);
    } finally {
      await log.close();
    }
    let over = false;
    const end = ended.promise.then((how) => {
      over = true;
      return how;
    });
    const up = await until(
      clock,
      START_LIMIT_MS,
      async () => over || signal.aborted || (await this.#o.ping()),
    );
    if (up && !over && !signal.aborted) {
      backoff.reset();
      logger.info({ pid: this.pid, socket: layout.socket }, 'Podman service ready');
      this.#fault = '';
      this.#ready.resolve();
    } else if (!over && this.#child) {
      await endProcesses([this.#child], 2_000, clock);
    }
    const how = await end;
    this.#child = undefined;
    if (!signal.aborted) {
      this.#ready = deferred();
      this.#ready.promise.catch(() => undefined);
    }
    return how;
  }

  async #rotateLog(): Promise<void> {
    const { serviceLog } = this.#o.layout;
    const size = await stat(serviceLog).then(
      (s) => s.size,
      () => 0,
    );
    if (size > 1 << 20) await rename(serviceLog, `${serviceLog}.1`);
  }

  async #lastOutput(): Promise<string> {
    return lastLine(await readFile(this.#o.layout.serviceLog, 'utf8').catch(() => ''));
  }
}
