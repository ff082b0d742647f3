import { mkdir } from 'node:fs/promises';
import { type Clock, fail, type Logger, messageOf, type Random } from '@edgeplane/base';
import { QemuEngine, type VmSpec } from '../../engines/qemu/index.js';
import type { Shell } from '../../exec/shell.js';
import type { Kvm } from '../../site/devices.js';
import type { InstanceUsage } from '../driver.js';
import { ConsoleHub } from './console-hub.js';
import { openDisplay } from './display.js';
import { localErrors } from './errors.js';
import { MachineKeeper } from './machine-keeper.js';

/** How long a guest may take to shut down, milliseconds. */
const STOP_GRACE_MS = 10_000;

/** Virtual machines of this host, or the reason why there can be none. */
export class MachineHost {
  readonly #stateDir: string;
  readonly #engine: QemuEngine;
  readonly #logger: Logger;
  readonly #keeper: MachineKeeper;
  readonly #hub: ConsoleHub;
  /** Why machines cannot be made; empty when they can. */
  #reason = '';

  constructor(options: {
    readonly stateDir: string;
    readonly logger: Logger;
    readonly clock: Clock;
    readonly random: Random;
    readonly ended: (id: string, how: string) => void;
    /** Told when a machine stands still for want of room, and, without a text, when it goes on. */
    readonly onTrouble: (id: string, trouble: string | undefined) => void;
  }) {
    this.#stateDir = options.stateDir;
    this.#engine = new QemuEngine(options);
    this.#logger = options.logger;
    this.#hub = new ConsoleHub(this.#engine, options.clock);
    this.#keeper = new MachineKeeper({ ...options, runner: this.#engine });
  }

  /** Finds out whether machines can be made. */
  async init(): Promise<void> {
    const { available, reason } = await this.#engine.available();
    this.#reason = available ? '' : reason;
    if (!available) this.#logger.warn({ reason }, 'Virtual machines are not available');
  }

  get available(): boolean {
    return this.#reason === '';
  }

  /** Whether machines run at full speed; found out by running one. */
  async kvm(): Promise<Kvm> {
    if (!this.available) return { usable: false, reason: this.#reason };
    // Where it notes what it found out.
    await mkdir(this.#stateDir, { recursive: true, mode: 0o700 });
    const { name, reason } = await this.#engine.accelerator();
    return { usable: name === 'kvm', reason };
  }

  /** Makes the machine, and runs it. */
  async run(spec: VmSpec): Promise<void> {
    if (!this.available) throw fail(localErrors.VM_UNAVAILABLE, { reason: this.#reason });
    await this.#engine.create(spec);
    const { state, reason } = await this.#engine.start(spec.id);
    if (state !== 'running') throw fail(localErrors.VM_DIED, { reason: reason ?? state });
    this.#keeper.keep(spec.id);
  }

  /** Traffic is not known: QEMU's own network stack does not count it. @throws when the machine does not run. */
  async usage(id: string): Promise<InstanceUsage> {
    const { cpuSeconds, residentBytes, diskBytes, memoryLimitBytes, blocks } = await this.#engine.stats(id);
    return {
      cpuNanos: cpuSeconds * 1e9,
      memoryBytes: residentBytes,
      memoryLimitBytes,
      diskBytes,
      diskReadBytes: blocks?.readBytes,
      diskWriteBytes: blocks?.writtenBytes,
    };
  }

  /** @throws EdgeplaneError when the machine does not run */
  async checkConsole(id: string): Promise<void> {
    await this.#engine.consoleSocket(id);
  }

  /** The machine's serial console, shared with whoever else looks at it. @throws as checkConsole */
  openConsole(id: string, plain: boolean): Promise<Shell> {
    return this.#hub.open(id, plain);
  }

  /** @throws EdgeplaneError when the machine does not run, or has no screen */
  async checkDisplay(id: string): Promise<void> {
    await this.#engine.vncSocket(id);
  }

  /** The machine's screen, as bytes of VNC. @throws as checkDisplay */
  async openDisplay(id: string): Promise<Shell> {
    return openDisplay(id, await this.#engine.vncSocket(id));
  }

  /** Room that an image which is not here yet is going to take, bytes, as far as that can be seen. */
  imageRoom(image: string): Promise<number> {
    return this.#engine.images.bytesToFetch(image);
  }

  /** Images that machines are made of. */
  async images(): Promise<readonly string[]> {
    return (await this.#engine.list()).flatMap(({ spec }) => spec?.image ?? []);
  }

  /** Works without QEMU too: what is there is ours to remove. */
  async remove(id: string): Promise<void> {
    await this.#keeper.release(id);
    await this.#engine.destroy(id);
  }

  /** Puts in order what a crash left, starts what is stopped, removes what nobody knows. Ids of what runs. */
  async recover(known: ReadonlySet<string>, wanted: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const running = new Set<string>();
    for (const { id } of await this.#engine.recover()) {
      if (!known.has(id)) await this.#engine.destroy(id);
      else if (wanted.has(id) && this.available && (await this.#starts(id))) running.add(id);
    }
    return running;
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    await this.#keeper.stop();
    await this.#hub.stop();
    if (workloads === 'stop') {
      const running = (await this.#engine.list()).filter((vm) => vm.state === 'running');
      await Promise.all(running.map(({ id }) => this.#engine.stop(id, { graceMs: STOP_GRACE_MS })));
    }
    await this.#engine.close();
  }

  async #starts(id: string): Promise<boolean> {
    try {
      const { state } = await this.#engine.start(id);
      if (state === 'running') this.#keeper.keep(id);
      return state === 'running';
    } catch (error) {
      this.#logger.warn({ vm: id, reason: messageOf(error) }, 'Virtual machine does not start');
      return false;
    }
  }
}
