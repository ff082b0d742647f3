import { messageOf } from '@edgeplane/base';
import { agentIsOpen, type GuestAgent, isSilent, withAgent } from './guest-agent.js';
import { type GuestInfo, guestInfoOf } from './guest-info.js';
import type { QmpClient } from './qmp.js';
import { AGENT_SOCKET } from './vm-dir.js';
import type { RunningVm, VmTable } from './vm-table.js';

/** Writing everything out may take the guest long; it is held still no longer than it must. */
const FREEZE_LIMIT_MS = 20_000;
const REBOOT_LIMIT_MS = 30_000;

/** What guests say and do by the agent within them, when there is one. */
export class VmGuest {
  readonly #table: VmTable;

  constructor(table: VmTable) {
    this.#table = table;
  }

  /** Whether an agent answers within the guest. @throws vmNotFound, vmNotRunning */
  async ping(id: string): Promise<boolean> {
    return this.#table.turn(id, async () => {
      const vm = await this.#table.running(id);
      const answer = await this.#ask(vm, (agent) => agent.execute('guest-ping'));
      return answer !== undefined;
    });
  }

  /** What the guest says of itself; undefined when no agent answers. */
  async info(id: string): Promise<GuestInfo | undefined> {
    return this.#table.turn(id, async () => {
      const vm = await this.#table.running(id);
      return this.#ask(vm, async (agent) => {
        // An agent may not know, or not be allowed to answer, some of these.
        const ask = (command: string) =>
          agent.execute(command).catch((error: unknown) => {
            if (isSilent(error)) throw error;
            return undefined;
          });
        const host = await ask('guest-get-host-name');
        const os = await ask('guest-get-osinfo');
        const links = await ask('guest-network-get-interfaces');
        return guestInfoOf({ host, os, links, agent: await ask('guest-info') });
      });
    });
  }

  /** Restarts the guest: by its agent if there is one and it does so in time, else as by the reset button. */
  async reboot(id: string, options: { readonly hard?: boolean } = {}): Promise<'agent' | 'reset'> {
    return this.#table.turn(id, async (dir) => {
      const vm = await this.#table.running(id);
      const { clock, logger } = this.#table.context;
      const means = await this.#table.withQmp(dir, vm.pid, async (qmp) => {
        if (!options.hard && (await agentIsOpen(qmp))) {
          const limit = new AbortController();
          const cancel = clock.after(REBOOT_LIMIT_MS, () => limit.abort());
          const events = qmp.events(limit.signal);
          const reset = (async () => {
            for await (const { event } of events) if (event === 'RESET') return true;
            return false;
          })();
          const told = await this.#within(vm, (agent) => agent.tell('guest-shutdown', { mode: 'reboot' }));
          if (!told) limit.abort();
          const done = await reset;
          cancel();
          if (done) return 'agent';
        }
        await qmp.execute('system_reset');
        return 'reset';
      });
      logger.info({ vm: id, means }, 'VM restarted');
      return means;
    });
  }

  /**
   * Holds the guest's file systems still while `work` runs; false to it when there is no agent that can. Within the
   * machine's turn.
   */
  async frozen<T>(vm: RunningVm, qmp: QmpClient, work: (frozen: boolean) => Promise<T>): Promise<T> {
    const frozen = (await agentIsOpen(qmp)) && (await this.#freeze(vm));
    try {
      return await work(frozen);
    } finally {
      if (frozen) await this.thaw(vm);
    }
  }

  async #freeze(vm: RunningVm): Promise<boolean> {
    try {
      return await this.#within(vm, async (agent) => {
        await agent.execute('guest-fsfreeze-freeze', undefined, FREEZE_LIMIT_MS);
      });
    } catch (error) {
      this.#table.context.logger.warn(
        { vm: vm.dir.id, reason: messageOf(error) },
        'Guest does not hold its file systems still',
      );
      // It may have begun to.
      await this.thaw(vm);
      return false;
    }
  }

  /** Lets file systems go on, in case they were held still. Never fails. */
  async thaw(vm: RunningVm): Promise<void> {
    await this.#within(vm, async (agent) => {
      await agent.execute('guest-fsfreeze-thaw', undefined, FREEZE_LIMIT_MS);
    }).catch((error: unknown) => {
      this.#table.context.logger.warn({ vm: vm.dir.id, reason: messageOf(error) }, 'Guest was not let go on');
    });
  }

  /** Lets file systems go on if there is an agent to do it. */
  async thawIfThere(vm: RunningVm): Promise<void> {
    if (await this.#table.withQmp(vm.dir, vm.pid, agentIsOpen)) await this.thaw(vm);
  }

  /** undefined when nobody answers. */
  async #ask<T>(vm: RunningVm, work: (agent: GuestAgent) => Promise<T>): Promise<T | undefined> {
    if (!(await this.#table.withQmp(vm.dir, vm.pid, agentIsOpen))) return undefined;
    let answer: T | undefined;
    await this.#within(vm, async (agent) => {
      answer = await work(agent);
    });
    return answer;
  }

  /** Whether somebody answered. */
  async #within(vm: RunningVm, work: (agent: GuestAgent) => Promise<void> | void): Promise<boolean> {
    const { clock } = this.#table.context;
    return withAgent({ id: vm.dir.id, path: vm.dir.socket(AGENT_SOCKET, vm.pid), clock }, work);
  }
}
