import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, fail, isKind, messageOf, sleep } from '@edgeplane/base';
import type { Disk } from '../../../disk.js';
import { identityOf, isAlive, toIdentity, waitForExit } from '../../../engines/process/index.js';
import { operationsErrors } from '../errors.js';
import type { ExecSettings } from '../inventory.js';
import type { ChangeContext, DestroyOptions, Hypervisor, Observation } from './driver.js';
import { type ProgramOutput, runProgramFile, signalGroup } from './program.js';
import { parseProgramLine } from './program-answer.js';

export interface ExecHypervisorOptions {
  readonly id: string;
  readonly settings: ExecSettings;
  /** Folder of its own, in which the program runs. */
  readonly dir: string;
  /** The longest that a change may take; the operation's own limit may end it before. */
  readonly changeTimeoutMs: number;
  readonly disk: Disk;
  readonly clock: Clock;
}

const POLL_MS = 2000;
const KILL_WAIT_MS = 10_000;

/**
 * A host that an operator's program looks at, brings up and takes down. What the program is told and says is JSON; a change that
 * our end broke off is ended before it is made again, so that there are never two of them.
 */
export class ExecHypervisor implements Hypervisor {
  readonly driver = 'exec';
  readonly #options: ExecHypervisorOptions;
  readonly #record: string;

  constructor(options: ExecHypervisorOptions) {
    this.#options = options;
    this.#record = join(options.dir, 'program.json');
  }

  async inspect(signal: AbortSignal): Promise<Observation> {
    const { settings } = this.#options;
    const output = await this.#run('inspect', {}, settings.inspectTimeoutMs, signal);
    return this.#observation('inspect', output);
  }

  async create(context: ChangeContext): Promise<void> {
    const { signal, step } = context;
    await step('program-create', 'its program brings it up');
    let { condition, detail } = await this.#change('create', {}, context);
    await step('wait-ready', `waiting until its program says ready; now ${detail}`);
    while (condition !== 'ready') {
      await sleep(this.#options.clock, POLL_MS, signal);
      ({ condition, detail } = await this.inspect(signal));
      context.progress(900, detail);
    }
  }

  async destroy({ force, graceMs }: DestroyOptions, context: ChangeContext): Promise<void> {
    await context.step('program-destroy', 'its program takes it down');
    const told = { force, grace_seconds: Math.ceil(graceMs / 1000) };
    const { condition, detail } = await this.#change('destroy', told, context);
    const { id, settings } = this.#options;
    if (condition !== 'off')
      throw fail(operationsErrors.PROGRAM_FAILED, {
        ...{
          program: settings.program,
          verb: 'destroy',
          id,
          reason: `afterwards it is ${condition}: ${detail}`,
        },
      });
  }

  async release(): Promise<void> {
    // The host is not of this one, and what runs was ended by its signal.
  }

  async #change(verb: string, told: object, context: ChangeContext): Promise<Observation> {
    const { changeTimeoutMs, disk, dir } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await this.#endEarlier();
    const whole = { operation_id: context.operationId, ...told };
    const output = await this.#run(verb, whole, changeTimeoutMs, context.signal, {
      onStart: async (pid) => disk.write(this.#record, JSON.stringify((await identityOf(pid)) ?? {})),
      onLine: (line) => {
        try {
          const said = parseProgramLine(line);
          if (said.kind === 'progress') context.progress(said.permille, said.message || verb);
        } catch {
          // What is wrong with its output is told when it has ended.
        }
      },
    });
    await disk.remove(this.#record);
    return this.#observation(verb, output);
  }

  async #run(
    verb: string,
    told: object,
    timeoutMs: number,
    signal: AbortSignal,
    more: { onStart?: (pid: number) => Promise<void>; onLine?: (line: string) => void } = {},
  ): Promise<ProgramOutput> {
    const { id, settings, dir, clock } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const input = `${JSON.stringify({ version: 1, verb, id, ...told, settings: settings.settings })}\n`;
    const { program, args, env } = settings;
    return runProgramFile(
      { ...{ program, args, env, cwd: dir, input, timeoutMs, signal, clock }, ...more },
      ...([verb, id] as const),
    );
  }

  /** @throws PROGRAM_FAILED */
  #observation(verb: string, { code, lines, complaint }: ProgramOutput): Observation {
    const { id, settings } = this.#options;
    const { program } = settings;
    const failed = (reason: string) => fail(operationsErrors.PROGRAM_FAILED, { program, verb, id, reason });
    let last: Observation | undefined;
    for (const line of lines) {
      try {
        const said = parseProgramLine(line);
        if (said.kind === 'error') throw failed(said.message);
        if (said.kind === 'observation') last = said.observation;
      } catch (error) {
        if (isKind(error, operationsErrors.PROGRAM_FAILED)) throw error;
        throw failed(`said ${JSON.stringify(line.slice(0, 200))}: ${messageOf(error)}`);
      }
    }
    if (code !== 0) throw failed(`ended with ${code}: ${complaint || 'it did not complain'}`);
    if (!last) throw failed('did not say which state the host is in');
    return last;
  }

  /** Ends what an earlier life of ours left running. */
  async #endEarlier(): Promise<void> {
    const { disk, clock } = this.#options;
    const text = await disk.read(this.#record);
    const identity = toIdentity(text === undefined ? undefined : JSON.parse(text));
    if (!identity) return;
    if (await isAlive(identity)) {
      signalGroup(identity.pid, 'SIGKILL');
      await waitForExit(identity, clock, KILL_WAIT_MS);
    }
    await disk.remove(this.#record);
  }
}
