import {
  type Clock,
  EdgeplaneError,
  fail,
  KeyedQueue,
  type Logger,
  messageOf,
  type Random,
  Slots,
} from '@edgeplane/base';
import type { VmSpec } from '../../engines/qemu/index.js';
import { flintlockErrors } from './errors.js';
import { type Materials, machineLabels, machineOf, type NetworkSettings } from './machine-plan.js';
import { type InterfaceIndex, type Machines, runningStatus } from './machines.js';
import type { MicrovmTable } from './microvm-table.js';
import type { Microvm, MicrovmSpec } from './model.js';

/** Points at which a crash must do no harm; tests end the process there. */
export type ReconcileStep =
  | 'materials'
  | 'made'
  | 'started'
  | 'created'
  | 'stopped'
  | 'destroyed'
  | 'forgotten';

export interface ReconcileSettings {
  /** MicroVMs that are made at once. */
  readonly workers: number;
  /** Failed tries after which one is given up. */
  readonly maxRetries: number;
  /** Longest first wait after a failure, doubled with each further one, and the longest of all; milliseconds. */
  readonly backoff: { readonly base: number; readonly max: number };
  /** How long a guest may take to shut down, milliseconds. */
  readonly graceMs: number;
}

/** A machine that ran for this long, milliseconds, has come through what it died of before. */
const STEADY_MS = 300_000;

export interface ReconcilerOptions {
  readonly table: MicrovmTable;
  readonly machines: Machines;
  readonly materials: {
    use<T>(
      spec: MicrovmSpec,
      have: readonly string[] | undefined,
      signal: AbortSignal,
      work: (made: Materials) => Promise<T>,
    ): Promise<T>;
    keepOnly(machines: readonly VmSpec[]): Promise<void>;
  };
  readonly network: NetworkSettings;
  /** Folder of all machines. */
  readonly machineRoot: string;
  readonly indexOf: InterfaceIndex;
  readonly settings: ReconcileSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onStep: (uid: string, step: ReconcileStep) => void | Promise<void>;
  /** Told when a microVM has begun to run, was given up, or is gone. */
  readonly settled: (uid: string) => void;
}

/**
 * Makes the host be what the table says: some microVMs at once, each step to be repeated at will, failures tried again later
 * and later. A machine that ends is noticed at once, and started again. The table is the truth; what is kept here is lost
 * without harm.
 */
export class Reconciler {
  readonly #o: ReconcilerOptions;
  readonly #queue: KeyedQueue;
  readonly #slots: Slots;
  /** Ends what is under way. */
  readonly #work = new Map<string, { readonly abort: AbortController; readonly deletes: boolean }>();
  readonly #watches = new Map<string, { readonly abort: AbortController; readonly ended: Promise<void> }>();
  readonly #timers = new Map<string, () => void>();
  /** Failures without a steady run between. */
  readonly #failures = new Map<string, number>();
  /** Since when a machine that was seen to run does, monotonic. */
  readonly #startedAt = new Map<string, number>();
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#o = options;
    this.#slots = new Slots(options.settings.workers);
    this.#queue = new KeyedQueue(
      (key) => (key === PRUNE ? this.#prune() : this.#reconcile(key)),
      (key, error) => {
        if (!this.#stopped) options.logger.error({ vm: key, err: error }, 'MicroVM cannot be looked after');
      },
    );
  }

  /** Takes up all that the table has. */
  start(): void {
    for (const { uid } of this.#o.table.list()) this.add(uid);
    this.#queue.add(PRUNE);
  }

  /** Looks after a microVM, now. */
  add(uid: string): void {
    this.#queue.add(uid);
  }

  /** The same for one that is to go: what is being made of it is broken off. */
  remove(uid: string): void {
    const work = this.#work.get(uid);
    if (!work?.deletes) work?.abort.abort(new Error('it is to be deleted'));
    this.add(uid);
  }

  /** Tells what a running machine waits for; nothing, when it goes on. */
  async trouble(uid: string, text: string | undefined): Promise<void> {
    await this.#o.table.changeStatus(uid, (status) =>
      status.state === 'created' ? { ...status, reason: text ?? '' } : status,
    );
  }

  /** Resolves when nothing is under way; machines run on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const { abort } of this.#work.values()) abort.abort(new Error('the agent is stopping'));
    for (const { abort } of this.#watches.values()) abort.abort(new Error('stopped'));
    await Promise.all([...this.#watches.values()].map(({ ended }) => ended));
    await this.#queue.stop();
  }

  async #reconcile(uid: string): Promise<void> {
    if (this.#stopped) return;
    this.#timers.get(uid)?.();
    this.#timers.delete(uid);
    const vm = this.#o.table.get(uid);
    if (!vm || (vm.status.state === 'failed' && vm.deletedAt === undefined)) return;
    const { nextAttemptAt } = vm.status;
    const wait = (nextAttemptAt ?? 0) - this.#o.clock.now();
    if (wait > 0) return this.#later(uid, wait);
    const abort = new AbortController();
    this.#work.set(uid, { abort, deletes: vm.deletedAt !== undefined });
    try {
      if (vm.deletedAt === undefined) await this.#run(vm, abort.signal);
      else await this.#delete(vm, abort.signal);
    } catch (error) {
      // What was broken off has not failed.
      if (!abort.signal.aborted) await this.#failed(vm, error);
    } finally {
      this.#work.delete(uid);
    }
  }

  async #run(vm: Microvm, signal: AbortSignal): Promise<void> {
    const { machines, onStep, table } = this.#o;
    const { uid, status } = vm;
    const before = await machines.status(uid);
    if (before.state === 'running') return this.#running(vm, before.spec);
    // One that is found off in a new life was stopped with the agent or its host, and has not failed.
    if (status.state === 'created' && this.#startedAt.has(uid))
      throw fail(flintlockErrors.DIED, { reason: before.reason ?? before.state });
    const release = await this.#slots.take(signal);
    try {
      await this.#prepare(vm, before, signal);
      await onStep(uid, 'made');
      signal.throwIfAborted();
      const { state, reason } = await machines.start(uid);
      await onStep(uid, 'started');
      if (state !== 'running') throw fail(flintlockErrors.DIED, { reason: reason ?? state });
    } finally {
      release();
    }
    await this.#running(table.get(uid) ?? vm, (await machines.status(uid)).spec);
  }

  /** Makes the machine, or makes it what it is to be now. */
  async #prepare(
    vm: Microvm,
    { state, spec: have }: { readonly state: string; readonly spec?: VmSpec },
    signal: AbortSignal,
  ): Promise<void> {
    const { machines, materials, network, onStep } = this.#o;
    const { uid, spec } = vm;
    if (state !== 'missing' && !have)
      throw fail(flintlockErrors.DIED, { reason: 'its record cannot be read' });
    if (have && have.labels?.['generation'] === machineLabels(vm)['generation']) return;
    const disks = have && [have.image, ...(have.extraDisks ?? []).map(({ image = '' }) => image)];
    await materials.use(spec, disks, signal, async (made) => {
      await onStep(uid, 'materials');
      signal.throwIfAborted();
      const machine = machineOf(vm, made, network, 'creating');
      await (have ? machines.revision.revise(machine) : machines.create(machine));
    });
  }

  async #running(vm: Microvm, machine: VmSpec | undefined): Promise<void> {
    const { uid, spec } = vm;
    const { table, machineRoot, indexOf, onStep, logger, settled, clock } = this.#o;
    if (!this.#startedAt.has(uid)) this.#startedAt.set(uid, clock.monotonic());
    const facts = machine ? await runningStatus(spec, machine, machineRoot, indexOf) : {};
    this.#watch(uid);
    await table.change(uid, (now) => {
      if (now.deletedAt !== undefined) return now;
      const { nextAttemptAt: _, ...status } = now.status;
      return { ...now, status: { ...status, ...facts, state: 'created', retry: 0, reason: '' } };
    });
    if (vm.status.state !== 'created')
      logger.info({ vm: uid, from: vm.status.state, to: 'created' }, 'MicroVM runs');
    await onStep(uid, 'created');
    settled(uid);
  }

  /** Looks after it again when its machine ends. */
  #watch(uid: string): void {
    if (this.#watches.has(uid)) return;
    const abort = new AbortController();
    const ended = this.#o.machines
      .waitForExit(uid, abort.signal)
      .catch(() => undefined)
      .then(() => {
        this.#watches.delete(uid);
        if (!abort.signal.aborted) this.add(uid);
      });
    this.#watches.set(uid, { abort, ended });
  }

  async #delete({ uid }: Microvm, signal: AbortSignal): Promise<void> {
    const { machines, table, settings, onStep, logger } = this.#o;
    const watch = this.#watches.get(uid);
    watch?.abort.abort(new Error('it is deleted'));
    await watch?.ended;
    const { state } = await machines.status(uid);
    if (state === 'running') await machines.stop(uid, { graceMs: settings.graceMs, signal });
    await onStep(uid, 'stopped');
    await machines.destroy(uid);
    await onStep(uid, 'destroyed');
    await table.remove(uid);
    await onStep(uid, 'forgotten');
    logger.info({ vm: uid, from: 'deleting', to: 'gone' }, 'MicroVM deleted');
    this.#failures.delete(uid);
    this.#startedAt.delete(uid);
    this.#o.settled(uid);
    this.#queue.add(PRUNE);
  }

  /** Notes the failure and when to try again; one that no further try can mend is given up. */
  async #failed({ uid, status }: Microvm, error: unknown): Promise<void> {
    const { table, clock, random, settings, logger, settled } = this.#o;
    const ranFor = clock.monotonic() - (this.#startedAt.get(uid) ?? Number.POSITIVE_INFINITY);
    const before = ranFor > STEADY_MS ? 0 : (this.#failures.get(uid) ?? status.retry);
    const count = before + 1;
    this.#startedAt.delete(uid);
    this.#failures.set(uid, count);
    const reason = error instanceof EdgeplaneError ? error.message : `internal error: ${messageOf(error)}`;
    const { base, max } = settings.backoff;
    const delay = Math.ceil(random.next() * Math.min(max, base * 2 ** Math.min(count - 1, 30)));
    const hopeless = error instanceof EdgeplaneError && HOPELESS.has(error.status);
    const after = await table.change(uid, (vm) => {
      const { nextAttemptAt: _, ...rest } = vm.status;
      const noted = { ...rest, retry: count, reason };
      const givenUp = vm.deletedAt === undefined && (hopeless || count > settings.maxRetries);
      if (givenUp) return { ...vm, status: { ...noted, state: 'failed' } };
      const state = vm.deletedAt === undefined ? 'pending' : 'deleting';
      return { ...vm, status: { ...noted, state, nextAttemptAt: clock.now() + delay } };
    });
    if (!after) return;
    const facts = { vm: uid, from: status.state, to: after.status.state, retry: count, reason };
    logger.warn(facts, 'MicroVM is not what it is to be');
    if (after.status.state !== 'failed') return this.#later(uid, delay);
    // Whoever has it tried again begins anew.
    this.#failures.delete(uid);
    settled(uid);
  }

  #later(uid: string, ms: number): void {
    if (this.#stopped) return;
    this.#timers.get(uid)?.();
    this.#timers.set(
      uid,
      this.#o.clock.after(ms, () => {
        this.#timers.delete(uid);
        this.add(uid);
      }),
    );
  }

  async #prune(): Promise<void> {
    const machines = await this.#o.machines.list();
    // Of one whose record cannot be read nobody knows what it is made of.
    if (machines.some(({ spec }) => !spec)) return;
    await this.#o.materials.keepOnly(machines.flatMap(({ spec }) => spec ?? []));
  }
}

/** Not the uid of any microVM. */
const PRUNE = 'prune';

/** What does not change by waiting. */
const HOPELESS: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'UNIMPLEMENTED',
  'PERMISSION_DENIED',
  'OUT_OF_RANGE',
]);
