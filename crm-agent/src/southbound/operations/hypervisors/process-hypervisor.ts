import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, fail, isKind, messageOf, sleep } from '@edgeplane/base';
import type { Disk } from '../../../disk.js';
import {
  identityOf,
  isAlive,
  listCommandLines,
  type ProcessIdentity,
  spawnDetached,
  terminate,
  toIdentity,
} from '../../../engines/process/index.js';
import { workErrors } from '../../work/index.js';
import { operationsErrors } from '../errors.js';
import type { ProcessSettings } from '../inventory.js';
import { askChild, childCommand, healthAddress, isChildOf, lastWords } from './child-agent.js';
import type { ChangeContext, DestroyOptions, HostFacts, Hypervisor, Observation } from './driver.js';

export interface ProcessHypervisorOptions {
  readonly id: string;
  readonly settings: ProcessSettings;
  /** Folder of its own. */
  readonly dir: string;
  readonly cloudletKeyJson: string;
  readonly facts: () => Promise<HostFacts>;
  readonly disk: Disk;
  readonly clock: Clock;
}

const POLL_MS = 100;
/** What a child gets to end when the agent takes it back. */
const GRACE_MS = 10_000;

/**
 * A child agent on this host, with a state directory of its own. It outlives us; later lives know it by its pid and start time,
 * or, when the record was not written in time, by its command line.
 */
export class ProcessHypervisor implements Hypervisor {
  readonly driver = 'process';
  readonly #options: ProcessHypervisorOptions;
  readonly #record: string;
  readonly #log: string;
  readonly #state: string;
  #address: { readonly pid: number; readonly address: string } | undefined;

  constructor(options: ProcessHypervisorOptions) {
    this.#options = options;
    this.#record = join(options.dir, 'process.json');
    this.#log = join(options.dir, 'agent.log');
    this.#state = join(options.dir, 'state');
  }

  async inspect(signal: AbortSignal): Promise<Observation> {
    const facts = await this.#options.facts();
    const child = await this.#find();
    if (!child) return { condition: 'off', detail: 'its process does not run', facts, runningInstances: 0 };
    const address = await this.#addressOf(child.pid);
    const starting = { condition: 'not-ready', facts } as const;
    if (address === undefined) return { ...starting, detail: `process ${child.pid} has not come up yet` };
    try {
      const { tls, waitRegistered, notifyAddrs } = this.#options.settings;
      const { trouble, registered, runningInstances } = await askChild(address, tls, signal);
      const instances = runningInstances === undefined ? {} : { runningInstances };
      if (trouble !== undefined) return { ...starting, detail: trouble, ...instances };
      if (waitRegistered && !registered) {
        const detail = `process ${child.pid} is not connected to a controller (${notifyAddrs})`;
        return { ...starting, detail, ...instances };
      }
      return { condition: 'ready', detail: `process ${child.pid} is ready`, facts, ...instances };
    } catch (error) {
      signal.throwIfAborted();
      return { ...starting, detail: `process ${child.pid} does not answer: ${messageOf(error)}` };
    }
  }

  async create(context: ChangeContext): Promise<void> {
    try {
      await this.#start(context);
      await context.step('wait-ready', 'waiting until its agent is ready');
      await this.#waitReady(context);
    } catch (error) {
      // What only this life gives up is gone on with in the next.
      if (!isKind(context.signal.reason, workErrors.STOPPING)) await this.#end(GRACE_MS);
      throw error;
    }
  }

  async destroy({ graceMs }: DestroyOptions, { step }: ChangeContext): Promise<void> {
    await step('end-process', 'ending its agent');
    await this.#end(graceMs);
  }

  async release(workloads: 'keep' | 'stop'): Promise<void> {
    if (workloads === 'stop') await this.#end(GRACE_MS);
  }

  async #start({ step, signal }: ChangeContext): Promise<void> {
    await step('start-process', 'starting its agent');
    if (await this.#find()) return;
    signal.throwIfAborted();
    const { id, settings, dir, cloudletKeyJson, disk } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await rm(this.#log, { force: true });
    const command = childCommand(id, settings, this.#state, cloudletKeyJson);
    // Arguments may hold paths that are relative to where we are.
    const child = await spawnDetached({ ...command, cwd: process.cwd(), logFile: this.#log });
    await disk.write(this.#record, JSON.stringify(child.identity ?? {}));
  }

  async #waitReady({ signal, progress }: ChangeContext): Promise<void> {
    const { id, clock } = this.#options;
    for (;;) {
      const { condition, detail } = await this.inspect(signal);
      if (condition === 'ready') return;
      progress(500, detail);
      if (condition === 'off')
        throw fail(operationsErrors.HYPERVISOR_NOT_READY, { id, reason: await lastWords(this.#log) });
      await sleep(clock, POLL_MS, signal);
    }
  }

  async #addressOf(pid: number): Promise<string | undefined> {
    if (this.#address?.pid === pid) return this.#address.address;
    const address = await healthAddress(this.#log, pid);
    if (address !== undefined) this.#address = { pid, address };
    return address;
  }

  async #end(graceMs: number): Promise<void> {
    const { clock, disk } = this.#options;
    for (let child = await this.#find(); child; child = await this.#find())
      await terminate(child, { clock, graceMs });
    await disk.remove(this.#record);
  }

  /** The live process; undefined when there is none. */
  async #find(): Promise<ProcessIdentity | undefined> {
    const text = await this.#options.disk.read(this.#record);
    const recorded = toIdentity(text === undefined ? undefined : JSON.parse(text));
    if (recorded && (await isAlive(recorded))) return recorded;
    const found = (await listCommandLines()).find(({ args }) => isChildOf(args, this.#state));
    return found && (await identityOf(found.pid));
  }
}
