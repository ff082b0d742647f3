import { statfs } from 'node:fs/promises';
import { Backoff, messageOf, type Random, sleep } from '@edgeplane/base';
import { QmpClient } from './qmp.js';
import { EVENTS_SOCKET } from './vm-dir.js';
import type { RunningVm, VmTable } from './vm-table.js';

/** Free bytes below which a guest that waits for room is not let go on: it would stop at once again. */
const ROOM_BYTES = 16 * 1024 ** 2;
/** Between two looks whether there is room again. */
const LOOK = { base: 1000, max: 30_000 };
/** A machine that went on for this long has room. */
const STEADY_MS = 60_000;
/** Between tries to reach a QEMU that is there but does not take us. */
const RETRY_MS = 5000;

interface Watch {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export interface VmRoomOptions {
  readonly random: Random;
  /** Told when a machine begins to wait for room, with what is to be said of it, and, without, when it has gone on. */
  readonly onTrouble: (id: string, trouble: string | undefined) => void;
}

/**
 * Lets guests go on that wrote to a full disk. QEMU holds such a guest still instead of failing its write, and would do so
 * for ever; here it is told, and goes on when there is room. Later and later, should it stop again at once.
 */
export class VmRoom {
  readonly #table: VmTable;
  readonly #o: VmRoomOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #troubles = new Map<string, string>();

  constructor(table: VmTable, options: VmRoomOptions) {
    this.#table = table;
    this.#o = options;
  }

  /** Watches a running machine until it ends. One that is watched is left alone. */
  watch(id: string): void {
    if (this.#watches.has(id)) return;
    const abort = new AbortController();
    const ended = this.#run(id, abort.signal)
      .catch((error: unknown) => {
        this.#table.context.logger.error({ vm: id, reason: messageOf(error) }, 'Room of a VM is not watched');
      })
      .finally(() => {
        this.#watches.delete(id);
        this.#tell(id, undefined);
      });
    this.#watches.set(id, { abort, ended });
  }

  /** What a machine waits for; undefined when it does not. */
  troubleOf(id: string): string | undefined {
    return this.#troubles.get(id);
  }

  async stop(): Promise<void> {
    const all = [...this.#watches.values()];
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  async #run(id: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#table.context;
    while (!signal.aborted) {
      const vm = await this.#table.running(id).catch(() => undefined);
      if (!vm) return;
      try {
        const path = vm.dir.socket(EVENTS_SOCKET, vm.pid);
        const qmp = await QmpClient.connect({ path, clock });
        await this.#attend(vm, qmp, signal).finally(() => qmp.close());
      } catch (error) {
        // One that an older agent started has no such socket.
        if (/ENOENT/.test(messageOf(error))) return;
        this.#table.context.logger.debug({ vm: id, reason: messageOf(error) }, 'No word of a VM');
      }
      await sleep(clock, RETRY_MS, signal).catch(() => undefined);
    }
  }

  /** Resolves when the connection has ended. */
  async #attend(vm: RunningVm, qmp: QmpClient, signal: AbortSignal): Promise<void> {
    const { clock } = this.#table.context;
    const { id } = vm.dir;
    const backoff = new Backoff(LOOK, this.#o.random);
    const over = new AbortController();
    void qmp.closed.then(() => over.abort());
    const events = qmp.events(AbortSignal.any([signal, over.signal]));
    // Subscribed before it is asked, so that nothing is missed between.
    const next = events.next();
    let wentOnAt = clock.monotonic();
    let waits = await isWaiting(qmp);
    let event = next;
    for (;;) {
      if (waits) {
        if (clock.monotonic() - wentOnAt > STEADY_MS) backoff.reset();
        this.#tell(
          id,
          `it stands still since its disk could not be written: no room is left below ${vm.dir.path}`,
        );
        await this.#untilRoom(vm, backoff, AbortSignal.any([signal, over.signal]));
        await this.#goOn(vm, qmp);
        wentOnAt = clock.monotonic();
        // It tries again at once what it could not write.
        await sleep(clock, 500, AbortSignal.any([signal, over.signal]));
        waits = await isWaiting(qmp);
        if (!waits) this.#tell(id, undefined);
        continue;
      }
      const { done, value } = await event;
      if (done) return;
      event = events.next();
      // It is held still a moment after the error.
      if (value.event === 'STOP') waits = await isWaiting(qmp);
    }
  }

  async #untilRoom(vm: RunningVm, backoff: Backoff, signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#table.context.clock, backoff.next(), signal);
      const { bavail, bsize } = await statfs(vm.dir.path);
      if (bavail * bsize >= ROOM_BYTES) return;
    }
  }

  /** Not when somebody holds it still on purpose. */
  async #goOn({ dir }: RunningVm, qmp: QmpClient): Promise<void> {
    await this.#table.turn(dir.id, async () => {
      const { run } = await this.#table.running(dir.id);
      if (!run.paused && (await isWaiting(qmp))) await qmp.execute('cont');
    });
  }

  #tell(id: string, trouble: string | undefined): void {
    if (this.#troubles.get(id) === trouble) return;
    if (trouble === undefined) this.#troubles.delete(id);
    else this.#troubles.set(id, trouble);
    const line = { vm: id, ...(trouble === undefined ? {} : { trouble }) };
    this.#table.context.logger.warn(line, trouble === undefined ? 'VM has room again' : 'VM waits for room');
    this.#o.onTrouble(id, trouble);
  }
}

/** Whether QEMU holds the guest still because a file system is full. */
async function isWaiting(qmp: QmpClient): Promise<boolean> {
  const { status } = (await qmp.execute('query-status')) as { status?: string };
  if (status !== 'io-error') return false;
  const devices = (await qmp.execute('query-block')) as { 'io-status'?: string }[];
  return devices.some((device) => device['io-status'] === 'nospace');
}
