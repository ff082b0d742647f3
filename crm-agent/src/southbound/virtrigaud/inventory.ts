import { mkdir, stat } from 'node:fs/promises';
import { type Clock, fail, type Logger, messageOf, sleep } from '@edgeplane/base';
import type { GuestInfo, QemuEngine, VmStatus } from '../../engines/qemu/index.js';
import { virtrigaudErrors } from './errors.js';
import { labelsOf, type VmLabels } from './labels.js';

/** A machine as it was seen last. */
export interface SeenVm extends VmLabels {
  readonly id: string;
  readonly status: VmStatus;
  /** Path of the file that each disk is written to, by the disk's name; the boot disk first. */
  readonly files: ReadonlyMap<string, string>;
  /** By word of an agent within; absent when none has answered. */
  readonly guest?: GuestInfo;
  /** A change waits for its next start. */
  readonly needsRestart: boolean;
}

export interface InventoryOptions {
  readonly engine: QemuEngine;
  /** The folder of all machines. */
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TICK_MS = 1000;
/** A guest that has said nothing yet may be booting. */
const ASK_SOON_MS = 3000;
const ASK_LATER_MS = 30_000;
const BOOT_MS = 180_000;
const ASKED_AT_ONCE = 4;

/**
 * All machines in memory, so that reading them costs the same with one and with a thousand. Whoever changes a machine has it
 * looked at again; processes that end by themselves are noticed at once when asked about, and within a second otherwise.
 * Guests are asked in the background.
 */
export class Inventory {
  readonly #options: InventoryOptions;
  readonly #seen = new Map<string, SeenVm>();
  readonly #asked = new Map<string, number>();
  readonly #asking = new Map<string, Promise<void>>();
  #ids: readonly string[] = [];

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** Looks at every machine. */
  async start(): Promise<void> {
    const { engine, root } = this.#options;
    await mkdir(root, { recursive: true, mode: 0o700 });
    for (const { id } of await engine.list()) await this.look(id);
  }

  /** Follows processes and asks guests until the signal ends it. */
  async follow(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await this.#tick().catch((error: unknown) => {
        logger.warn({ reason: messageOf(error) }, 'Machines cannot be looked at');
      });
      await sleep(clock, TICK_MS, signal).catch(() => undefined);
    }
    await Promise.all(this.#asking.values());
  }

  /** All machines in order of id, as they are known without waiting. */
  all(): readonly SeenVm[] {
    return this.#ids.flatMap((id) => this.#seen.get(id) ?? []);
  }

  /** The machine of that id, as it is now; undefined when there is certainly none. @throws HOST_UNSURE */
  async get(id: string): Promise<SeenVm | undefined> {
    const known = this.#seen.get(id);
    if (known && !this.#hasEnded(known)) return known;
    const seen = await this.look(id);
    if (!seen) await this.#requireRoot();
    return seen;
  }

  named(name: string): SeenVm | undefined {
    return this.all().find((vm) => vm.name === name);
  }

  /** Reads what a machine is now. */
  async look(id: string): Promise<SeenVm | undefined> {
    const { engine } = this.#options;
    const status = await engine.status(id);
    if (status.state === 'missing') {
      this.forget(id);
      return undefined;
    }
    const files = await engine.transfer.files(id).catch(() => []);
    const before = this.#seen.get(id);
    const sameRun = before?.status.startedAt === status.startedAt && status.state === 'running';
    const seen: SeenVm = {
      ...labelsOf(id, status.spec),
      ...{ id, status, files: new Map(files.map(({ disk, path }) => [disk, path])) },
      ...(sameRun && before?.guest ? { guest: before.guest } : {}),
      needsRestart: sameRun && (before?.needsRestart ?? false),
    };
    this.#set(seen);
    if (!sameRun) this.#asked.delete(id);
    return seen;
  }

  /** Notes what a change of hardware came to. */
  noteRestart(id: string, needsRestart: boolean): void {
    const seen = this.#seen.get(id);
    if (seen) this.#set({ ...seen, needsRestart });
  }

  forget(id: string): void {
    if (!this.#seen.delete(id)) return;
    this.#asked.delete(id);
    this.#ids = [...this.#seen.keys()].sort();
  }

  #set(seen: SeenVm): void {
    const isNew = !this.#seen.has(seen.id);
    this.#seen.set(seen.id, seen);
    if (isNew) this.#ids = [...this.#seen.keys()].sort();
  }

  async #tick(): Promise<void> {
    for (const vm of this.all()) {
      if (this.#hasEnded(vm)) await this.look(vm.id);
      else if (vm.status.pid !== undefined) this.#maybeAsk(vm);
    }
  }

  #hasEnded({ status: { pid } }: SeenVm): boolean {
    if (pid === undefined) return false;
    try {
      process.kill(pid, 0);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH';
    }
  }

  #maybeAsk(vm: SeenVm): void {
    const { clock } = this.#options;
    const last = this.#asked.get(vm.id) ?? Number.NEGATIVE_INFINITY;
    const young = clock.now() - (vm.status.startedAt ?? 0) < BOOT_MS;
    const pause = young && !vm.guest?.addresses.length ? ASK_SOON_MS : ASK_LATER_MS;
    if (clock.monotonic() - last < pause || this.#asking.size >= ASKED_AT_ONCE || this.#asking.has(vm.id))
      return;
    this.#asked.set(vm.id, clock.monotonic());
    this.#asking.set(
      vm.id,
      this.#ask(vm).finally(() => this.#asking.delete(vm.id)),
    );
  }

  /** Never rejects: a guest that does not answer is one without an agent. */
  async #ask({ id, status }: SeenVm): Promise<void> {
    const { engine } = this.#options;
    const guest = await engine.guest.info(id).catch(() => undefined);
    const report = await engine.resources.get(id).catch(() => undefined);
    const seen = await engine.status(id);
    const now = this.#seen.get(id);
    if (!now || now.status.startedAt !== status.startedAt) return;
    // Its process may have ended, and another have its number by now.
    if (seen.state !== 'running') {
      await this.look(id);
      return;
    }
    this.#set({
      ...now,
      // Trouble with its disks comes and goes without anybody's doing.
      status: seen,
      ...(guest ? { guest } : {}),
      needsRestart: report?.needsRestart ?? now.needsRestart,
    });
  }

  /** Nothing is there is certain only when what would hold it is. */
  async #requireRoot(): Promise<void> {
    const { root } = this.#options;
    try {
      await stat(root);
    } catch (error) {
      throw fail(virtrigaudErrors.HOST_UNSURE, { reason: messageOf(error) }, { cause: error });
    }
  }
}
