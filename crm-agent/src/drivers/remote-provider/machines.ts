import {
  Backoff,
  type Clock,
  fail,
  KeyedTurns,
  type Logger,
  messageOf,
  type Random,
  sleep,
} from '@edgeplane/base';
import type { RecordStore } from '../../records.js';
import type { Operation } from '../driver.js';

import { explain, type Patience, persistently, Tries, verdictOf } from '../remote/call-policy.js';
import { remoteErrors } from '../remote/errors.js';
import type { RemoteMachineSource } from '../remote/instances.js';
import type { MachineKey, Present, Sight } from '../remote/sight.js';
import type { RemoteTiming } from '../remote/timing.js';
import { askFor, findNamed } from './creation.js';
import { type MachinePlan, sameButSize, sameSize } from './machine-plan.js';
import type { Provider } from './provider.js';
import type { MachineRecord } from './records.js';
import { resize } from './resizing.js';
import { taskEnd } from './tasks.js';

export interface MachinesOptions {
  readonly provider: Provider;
  readonly records: RecordStore<MachineRecord>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timing: RemoteTiming;
}

/** So often a machine may vanish while it is being made. */
const MOST_LOST = 3;
/** Looks that have to agree before a machine counts as gone, and the time between them. */
const LOOKS = 2;

/**
 * Machines at a provider. What is going to be done is recorded before each call, so that after a crash the record tells what may
 * be there; no answer is needed to find it again.
 */
export class RemoteMachines implements RemoteMachineSource<MachinePlan> {
  readonly #o: MachinesOptions;
  /** One thing at a time is done to a name, by whoever does it. */
  readonly #turns = new KeyedTurns();

  constructor(options: MachinesOptions) {
    this.#o = options;
  }

  get peer(): string {
    return this.#o.provider.peer;
  }

  /** Makes the machine be what the plan says, and run. */
  ensure(key: MachineKey, plan: MachinePlan, operation: Operation): Promise<Present> {
    return this.#turns.run(plan.name, async () => {
      const { records, provider } = this.#o;
      const existing = records.get(key.keyJson);
      if (existing && !sameButSize(existing.plan, plan)) await this.#remove(existing, operation);
      let record: MachineRecord = records.get(key.keyJson) ?? {
        ...key,
        plan,
        id: '',
        asked: false,
        task: '',
      };
      await records.put(record);
      for (let lost = 0; lost < MOST_LOST; lost++) {
        if (record.id === '') {
          record = { ...record, plan };
          operation.progress(`asking ${provider.peer} for ${plan.name}`);
          operation.signal.throwIfAborted();
          record = await askFor(record, this.#o, operation.signal);
        }
        record = await this.#settle(record, `making ${plan.name}`, operation.signal);
        if (!sameSize(record.plan, plan)) record = await this.#resize(record, plan, operation);
        const sight = await this.#switchOn(record, operation);
        if (sight.state !== 'missing') return sight;
        record = { ...record, id: '', asked: true, task: '' };
        await records.put(record);
      }
      throw fail(remoteErrors.LOST, { peer: provider.peer, what: plan.name });
    });
  }

  /** Removes the machine, and others that an answer that was lost has left of the same name. */
  remove(keyJson: string, operation: Operation): Promise<void> {
    const name = this.#o.records.get(keyJson)?.plan.name;
    if (name === undefined) return Promise.resolve();
    return this.#turns.run(name, async () => {
      const record = this.#o.records.get(keyJson);
      if (record) await this.#remove(record, operation);
    });
  }

  /** Asks the guest to shut down, and waits until the machine is off. */
  async switchOff(keyJson: string, signal: AbortSignal): Promise<void> {
    const record = this.#o.records.get(keyJson);
    if (!record || record.id === '') return;
    await this.#turns.run(record.plan.name, () => this.#switchOff(record, signal));
  }

  /** How the machine is; `missing` only when several looks agree. */
  async look(keyJson: string, signal: AbortSignal): Promise<Sight> {
    const { records, provider, timing, clock } = this.#o;
    for (let looks = 1; ; looks++) {
      const record = records.get(keyJson);
      if (!record || record.id === '') return { state: 'missing' };
      const sight = await this.#persistently(`showing ${record.plan.name}`, signal, () =>
        provider.look(record.id, signal),
      );
      if (sight.state !== 'missing' || looks === LOOKS) return sight;
      await sleep(clock, timing.pollMs.base, signal);
    }
  }

  /** Deletes what has a name of ours and no record: what calls brought about whose answers were lost. How many. */
  async sweep(prefix: string, signal: AbortSignal): Promise<number> {
    const { provider, records, logger } = this.#o;
    const isStray = (vm: { readonly id: string; readonly name: string }) => {
      const record = records.values().find(({ plan }) => plan.name === vm.name);
      return !record || (record.id !== '' && record.id !== vm.id);
    };
    const strays = (await provider.list(signal)).filter((vm) => vm.name.startsWith(prefix) && isStray(vm));
    let count = 0;
    for (const { id, name } of strays) {
      await this.#turns.run(name, async () => {
        if (!isStray({ id, name })) return;
        logger.warn({ vm: name, id }, 'A machine that nobody knows of is deleted');
        await this.#task(await provider.delete(id, signal), signal);
        count += 1;
      });
    }
    return count;
  }

  async #remove(record: MachineRecord, operation: Operation): Promise<void> {
    const { provider, records } = this.#o;
    const { signal } = operation;
    const { keyJson, plan, asked } = record;
    if (asked) {
      operation.progress(`deleting ${plan.name}`);
      signal.throwIfAborted();
      await this.#until(`${plan.name} is gone`, this.#o.timing.upMs, signal, async () => {
        const ids = await findNamed(record, provider, signal);
        for (const id of ids) await this.#deleteOne(record, id, signal);
        return ids.length === 0 ? true : undefined;
      });
    }
    await records.delete(keyJson);
  }

  async #deleteOne({ plan }: MachineRecord, id: string, signal: AbortSignal): Promise<void> {
    const end = await this.#task(await this.#o.provider.delete(id, signal), signal);
    if (end !== '') this.#o.logger.warn({ vm: plan.name, reason: end }, 'A machine is not deleted yet');
  }

  async #resize(record: MachineRecord, plan: MachinePlan, operation: Operation): Promise<MachineRecord> {
    const { provider, records } = this.#o;
    const { signal } = operation;
    const steps = {
      settle: async (task: string) => {
        await records.put({ ...record, task });
        await this.#settle({ ...record, task }, `resizing ${plan.name}`, signal);
      },
      off: () => this.#switchOff(record, signal),
    };
    operation.progress(`giving ${plan.name} ${plan.cpus} CPUs and ${plan.memoryMib} MB`);
    signal.throwIfAborted();
    await this.#persistently(`resizing ${plan.name}`, signal, () =>
      resize(record.id, plan, provider, steps, signal),
    );
    const changed = { ...record, plan, task: '' };
    await records.put(changed);
    return changed;
  }

  /** Waits for what the provider is doing with it. @throws FAILED with the provider's own words */
  async #settle(record: MachineRecord, what: string, signal: AbortSignal): Promise<MachineRecord> {
    if (record.task === '') return record;
    const failure = await this.#task(record.task, signal).catch((error: unknown) => {
      throw explain(error, this.#o.provider.peer, what);
    });
    const settled = { ...record, task: '' };
    await this.#o.records.put(settled);
    if (failure !== '')
      throw fail(remoteErrors.FAILED, { peer: this.#o.provider.peer, what, reason: failure });
    return settled;
  }

  /** Waits for a task. Why it failed; empty when it did not, or cannot be known to have. */
  async #task(task: string, signal: AbortSignal): Promise<string> {
    if (task === '') return '';
    const end = await taskEnd(task, this.#o, signal);
    return end.end === 'failed' ? end.error : '';
  }

  async #switchOn(record: MachineRecord, operation: Operation): Promise<Sight> {
    const { provider, timing } = this.#o;
    const { signal } = operation;
    const { name } = record.plan;
    let asked = false;
    let failure = '';
    return this.#until(`${name} is on`, timing.upMs, signal, async () => {
      const sight = await this.look(record.keyJson, signal);
      if (sight.state !== 'off') return sight;
      // One that says it has failed is not asked for ever.
      if (failure !== '')
        throw fail(remoteErrors.FAILED, { peer: provider.peer, what: `starting ${name}`, reason: failure });
      if (!asked) operation.progress(`starting ${name}`);
      signal.throwIfAborted();
      asked = true;
      failure = await this.#task(await provider.power(record.id, 'on', timing.graceMs, signal), signal);
      return undefined;
    });
  }

  /** By the guest itself, or, when that takes too long, by taking its power. */
  async #switchOff({ id, plan }: MachineRecord, signal: AbortSignal): Promise<void> {
    const { provider, timing, clock } = this.#o;
    let patientUntil: number | undefined;
    await this.#until(`${plan.name} is off`, timing.upMs, signal, async () => {
      const { state } = await provider.look(id, signal);
      if (state !== 'on') return true;
      if (patientUntil !== undefined && clock.monotonic() < patientUntil) return undefined;
      const how = patientUntil === undefined ? 'shutdown' : 'off';
      await this.#task(await provider.power(id, how, timing.graceMs, signal), signal);
      // Only now: a call that failed is made again at once.
      patientUntil ??= clock.monotonic() + timing.graceMs;
      return undefined;
    });
  }

  /** Looks again and again until there is an answer. @throws TOO_SLOW, or what keeps it from coming */
  async #until<T>(
    what: string,
    limitMs: number,
    signal: AbortSignal,
    step: () => Promise<T | undefined>,
  ): Promise<T> {
    const { clock, random, timing, provider } = this.#o;
    const pause = new Backoff(timing.pollMs, random);
    const deadline = clock.monotonic() + limitMs;
    let tries = new Tries(this.#patience(signal));
    let reason = 'it says nothing more';
    for (;;) {
      signal.throwIfAborted();
      try {
        const answer = await step();
        if (answer !== undefined) return answer;
        tries = new Tries(this.#patience(signal));
      } catch (error) {
        if (verdictOf(error) === 'refused') throw explain(error, provider.peer, what);
        reason = messageOf(error);
        await tries.failed(error).catch((final: unknown) => {
          throw explain(final, provider.peer, what);
        });
      }
      if (clock.monotonic() > deadline)
        throw fail(remoteErrors.TOO_SLOW, { peer: provider.peer, what, seconds: limitMs / 1000, reason });
      await sleep(clock, pause.next(), signal);
    }
  }

  async #persistently<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await persistently(this.#patience(signal), work);
    } catch (error) {
      throw explain(error, this.#o.provider.peer, what);
    }
  }

  #patience(signal: AbortSignal): Patience {
    const { clock, random, timing } = this.#o;
    return { clock, random, signal, ...timing };
  }
}
