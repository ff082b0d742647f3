import { execFile } from 'node:child_process';
import { mkdir, open, stat } from 'node:fs/promises';
import { type Clock, fail, type Logger, sleep } from '@edgeplane/base';
import { isAlive, type ProcessIdentity, spawnDetached, terminate, waitForExit } from '../process/index.js';
import { nginxErrors } from './errors.js';
import type { NginxLayout } from './layout.js';
import { type Outcome, outcomeIn, refusalIn } from './master-log.js';
import { isEnding, isMaster, type Member, membersIn, titleOf } from './members.js';

export interface MasterOptions {
  readonly layout: NginxLayout;
  /** Path of nginx. */
  readonly program: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Longer than nginx tries to get a port that is taken, milliseconds. */
const OUTCOME_LIMIT_MS = 15_000;
const SILENCE = `no answer within ${OUTCOME_LIMIT_MS} ms`;
/** Time for workers to notice that they are to end. */
const NOTICE_LIMIT_MS = 5000;
const TERM_GRACE_MS = 2000;
const TEST_LIMIT_MS = 20_000;

/** The processes of one nginx: a master that outlives us and is found again by where it works. */
export class NginxMaster {
  readonly #o: MasterOptions;
  #identity: ProcessIdentity | undefined;

  constructor(options: MasterOptions) {
    this.#o = options;
  }

  get pid(): number | undefined {
    return this.#identity?.pid;
  }

  async isAlive(): Promise<boolean> {
    return this.#identity !== undefined && (await isAlive(this.#identity));
  }

  /** Takes over the master that another run left; false when there is none. */
  async adopt(): Promise<boolean> {
    const masters = (await membersIn(this.#o.layout.dir)).filter(isMaster);
    this.#identity = masters[0]?.identity;
    return this.#identity !== undefined;
  }

  /** @throws CONFIG_REFUSED in nginx's words */
  async check(file: string): Promise<void> {
    const { layout, program } = this.#o;
    await mkdir(layout.temporary, { recursive: true, mode: 0o711 });
    const args = ['-p', layout.dir, '-e', layout.log, '-c', file, '-t', '-q'];
    const reason = await new Promise<string | undefined>((resolve) => {
      const options = { timeout: TEST_LIMIT_MS, killSignal: 'SIGKILL', cwd: layout.dir, env: {} } as const;
      execFile(program, args, options, (error, stdout, stderr) =>
        resolve(error ? refusalIn(`${stderr}${stdout}` || error.message) : undefined),
      );
    });
    if (reason !== undefined) throw fail(nginxErrors.CONFIG_REFUSED, { reason });
  }

  /** Starts nginx with the configuration that is in place. @throws NOT_STARTED; then nothing of it runs */
  async start(): Promise<void> {
    const { layout, program, clock } = this.#o;
    await mkdir(layout.temporary, { recursive: true, mode: 0o711 });
    await this.endOrphans();
    const from = await sizeOf(layout.log);
    const child = await spawnDetached({
      command: program,
      args: ['-p', layout.dir, '-e', layout.log, '-c', layout.config],
      cwd: layout.dir,
      env: {},
      logFile: layout.log,
    });
    this.#identity = child.identity;
    const outcome = await this.#outcome(from);
    if (outcome?.state === 'done') return;
    const reason = outcome?.reason ?? SILENCE;
    if (child.identity) await terminate(child.identity, { clock, graceMs: 0 });
    this.#identity = undefined;
    throw fail(nginxErrors.NOT_STARTED, { reason });
  }

  /**
   * Has the running master take the configuration that is in place; when this resolves, no connection is taken by the
   * former any more, and those that were go on. @throws NOT_RELOADED; then the former one is still in force
   */
  async reload(): Promise<void> {
    const { layout, clock, logger } = this.#o;
    const identity = this.#identity;
    if (!identity || !(await isAlive(identity)))
      throw fail(nginxErrors.NOT_RELOADED, { reason: 'it does not run' });
    const before = (await membersIn(layout.dir)).filter((member) => !isMaster(member));
    const from = await sizeOf(layout.log);
    process.kill(identity.pid, 'SIGHUP');
    const outcome = await this.#outcome(from);
    if (outcome?.state !== 'done') {
      throw fail(nginxErrors.NOT_RELOADED, { reason: outcome?.reason ?? SILENCE });
    }
    if (!(await noneAccepts(before, clock)))
      logger.warn({ pid: identity.pid }, 'Old workers of nginx still take connections');
  }

  /** Ends every process of it: connections get the grace period to end by themselves, milliseconds. */
  async stop(graceMs: number): Promise<void> {
    const { layout, clock } = this.#o;
    if (!this.#identity) await this.adopt();
    const identity = this.#identity;
    if (identity && (await isAlive(identity))) {
      if (graceMs > 0) {
        tell(identity.pid, 'SIGQUIT');
        await waitForExit(identity, clock, graceMs);
      }
      await terminate(identity, { clock, graceMs: TERM_GRACE_MS });
    }
    this.#identity = undefined;
    for (const member of await membersIn(layout.dir))
      await terminate(member.identity, { clock, graceMs: TERM_GRACE_MS });
  }

  /** Workers of a master that was killed hold its ports: they finish what they have, and take nothing new. */
  async endOrphans(): Promise<void> {
    const { layout, clock, logger } = this.#o;
    const orphans = await membersIn(layout.dir);
    for (const { identity } of orphans) tell(identity.pid, 'SIGQUIT');
    if (await noneAccepts(orphans, clock)) return;
    logger.warn('Workers of an nginx without a master do not end');
    for (const { identity } of orphans)
      if (!isEnding(await titleOf(identity.pid))) await terminate(identity, { clock, graceMs: 0 });
  }

  async #outcome(from: number): Promise<Outcome | undefined> {
    const { layout, clock } = this.#o;
    const deadline = clock.monotonic() + OUTCOME_LIMIT_MS;
    for (let pause = 5; ; pause = Math.min(2 * pause, 50)) {
      const alive = await this.isAlive();
      const outcome = outcomeIn(await readFrom(layout.log, from));
      if (outcome) return outcome;
      if (!alive) return { state: 'refused', reason: await this.#lastWords(from) };
      if (clock.monotonic() >= deadline) return undefined;
      await sleep(clock, pause);
    }
  }

  async #lastWords(from: number): Promise<string> {
    return refusalIn(await readFrom(this.#o.layout.log, from));
  }
}

/** True as soon as all of them have ended or take no new connections; false when that lasts too long. */
async function noneAccepts(members: readonly Member[], clock: Clock): Promise<boolean> {
  const deadline = clock.monotonic() + NOTICE_LIMIT_MS;
  for (let pause = 5; ; pause = Math.min(2 * pause, 50)) {
    const accepting = await Promise.all(
      members.map(
        async ({ identity }) => (await isAlive(identity)) && !isEnding(await titleOf(identity.pid)),
      ),
    );
    if (!accepting.includes(true)) return true;
    if (clock.monotonic() >= deadline) return false;
    await sleep(clock, pause);
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function readFrom(path: string, from: number): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.max(0, size - from));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
