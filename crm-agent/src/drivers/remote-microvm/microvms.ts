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
import { explain, type Patience, Tries, verdictOf } from '../remote/call-policy.js';
import { remoteErrors } from '../remote/errors.js';
import type { RemoteMachineSource } from '../remote/instances.js';
import type { MachineKey, Present, Sight } from '../remote/sight.js';
import type { RemoteTiming } from '../remote/timing.js';
import { microvmHostErrors } from './errors.js';
import type { MicrovmHost, SeenMicrovm } from './host.js';
import type { HostsFile } from './hosts-file.js';
import type { MicrovmPlan } from './microvm-plan.js';
import { chooseHost, freeAddress } from './placement.js';
import type { MicrovmRecord } from './records.js';

export interface MicrovmsOptions {
  /** By address. */
  readonly hosts: ReadonlyMap<string, MicrovmHost>;
  readonly boot: Pick<HostsFile, 'kernel' | 'initrd'>;
  readonly records: RecordStore<MicrovmRecord>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timing: RemoteTiming;
}

/** How long a host that failed is taken only when there is no other, milliseconds. */
const AVOID_MS = 60_000;
/** So often a machine may vanish, or change its host, while it is being made. */
const MOST_ROUNDS = 3;
const LOOKS_BETWEEN_DELETES = 20;

/**
 * MicroVMs on hosts. The host is chosen and recorded before it is asked, and kept once it has answered; one that does not answer
 * is left for another, and what it may have made all the same is found by its namespace and removed.
 */
export class RemoteMicrovms implements RemoteMachineSource<MicrovmPlan> {
  readonly peer = 'the flintlock hosts';
  readonly #o: MicrovmsOptions;
  /** One thing at a time is done to a name, by whoever does it. */
  readonly #turns = new KeyedTurns();
  /** Choices of a host and an address follow one another, as each depends on those before. */
  readonly #choosing = new KeyedTurns();
  /** When each host failed last. */
  readonly #failed = new Map<string, number>();

  constructor(options: MicrovmsOptions) {
    this.#o = options;
  }

  ensure(key: MachineKey, plan: MicrovmPlan, operation: Operation): Promise<Present> {
    return this.#turns.run(plan.name, async () => {
      const { records } = this.#o;
      const existing = records.get(key.keyJson);
      if (existing && JSON.stringify(existing.plan) !== JSON.stringify(plan))
        await this.#remove(existing, operation);
      let record: MicrovmRecord = this.#onKnownHost(records.get(key.keyJson)) ?? {
        ...key,
        plan,
        host: '',
        uid: '',
        ip: '',
        asked: false,
      };
      await records.put(record);
      for (let round = 0; round < MOST_ROUNDS; round++) {
        if (record.uid === '') record = await this.#make(record, operation);
        const host = this.#o.hosts.get(record.host);
        const found = host && (await this.#created(record, host, operation.signal));
        if (found) return sightOf(record);
        record = { ...record, uid: '' };
        await records.put(record);
      }
      throw fail(remoteErrors.LOST, { peer: `host ${record.host}`, what: plan.name });
    });
  }

  remove(keyJson: string, operation: Operation): Promise<void> {
    const name = this.#o.records.get(keyJson)?.plan.name;
    if (name === undefined) return Promise.resolve();
    return this.#turns.run(name, async () => {
      const record = this.#o.records.get(keyJson);
      if (record) await this.#remove(record, operation);
    });
  }

  /** @throws FAILED with the host's reason when it has given it up */
  async look(keyJson: string, signal: AbortSignal): Promise<Sight> {
    const record = this.#o.records.get(keyJson);
    const host = this.#o.hosts.get(record?.host ?? '');
    // A host that is not configured any more is gone with what was on it.
    if (!record || record.uid === '' || !host) return { state: 'missing' };
    const seen = await this.#until(`showing ${record.plan.name}`, host, signal, async () => ({
      found: await host.get(record.uid, signal),
    }));
    if (!seen.found) return { state: 'missing' };
    requireUnfailed(seen.found, host, record);
    return seen.found.state === 'created' ? sightOf(record) : { ...sightOf(record), state: 'off' };
  }

  /** Deletes at each host what is of our namespace and nobody knows there. Hosts that do not answer wait. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { hosts, logger } = this.#o;
    for (const host of hosts.values()) {
      try {
        await this.#sweepHost(host, signal);
      } catch (error) {
        signal.throwIfAborted();
        logger.warn({ host: host.address, reason: messageOf(error) }, 'A host cannot be looked through');
      }
    }
  }

  async #sweepHost(host: MicrovmHost, signal: AbortSignal): Promise<void> {
    const { records, logger } = this.#o;
    const isStray = ({ name, uid, state }: SeenMicrovm) => {
      if (state === 'deleting') return false;
      const record = records.values().find(({ plan }) => plan.name === name);
      if (!record || record.host !== host.address) return true;
      return record.uid !== '' && record.uid !== uid;
    };
    for (const seen of (await host.list(signal)).filter(isStray)) {
      await this.#turns.run(seen.name, async () => {
        if (!isStray(seen)) return;
        logger.warn({ microvm: seen.name, host: host.address }, 'A microVM that nobody knows of is deleted');
        await host.delete(seen.uid, signal);
      });
    }
  }

  /** Has a host make it: the one of the record, or whichever takes it. */
  async #make(first: MicrovmRecord, operation: Operation): Promise<MicrovmRecord> {
    const { records, hosts, clock, random, timing } = this.#o;
    const { signal } = operation;
    const { name } = first.plan;
    const tries = new Tries({ clock, random, signal, ...timing });
    const refused = new Map<string, unknown>();
    /** Where it may be although nothing was heard. */
    const asked = new Set<string>();
    for (let record = first; ; ) {
      record = await this.#choose(record, new Set(refused.keys()));
      const host = hosts.get(record.host);
      if (!host) {
        const [last] = [...refused.values()].slice(-1);
        const reason =
          last === undefined ? 'none has a network whose addresses are known here' : messageOf(last);
        const failure = fail(microvmHostErrors.NO_HOST, { count: hosts.size, name, reason });
        if (last === undefined) throw failure;
        // Every one once more, after a while.
        await tries.failed(last).catch(() => {
          throw failure;
        });
        refused.clear();
        continue;
      }
      operation.progress(`asking host ${host.address} for ${name}`);
      signal.throwIfAborted();
      try {
        return await this.#ask({ ...record, asked: record.asked || asked.has(host.address) }, host, signal);
      } catch (error) {
        signal.throwIfAborted();
        // What one refuses for what it is, all would refuse.
        if (verdictOf(error) === 'refused' || verdictOf(error) === 'missing')
          throw explain(error, `host ${host.address}`, name);
        this.#failed.set(host.address, clock.monotonic());
        refused.set(host.address, error);
        asked.add(host.address);
        record = { ...record, host: '', ip: '', asked: false };
        await records.put(record);
      }
    }
  }

  async #ask(record: MicrovmRecord, host: MicrovmHost, signal: AbortSignal): Promise<MicrovmRecord> {
    const { records, boot } = this.#o;
    const { plan, ip: address } = record;
    const keep = async (changed: MicrovmRecord) => {
      await records.put(changed);
      return changed;
    };
    const find = async () => (await host.named(plan.name, signal)).find(({ state }) => state !== 'deleting');
    const known = record.asked ? await find() : undefined;
    if (known) return keep({ ...record, uid: known.uid });
    const asked = await keep({ ...record, asked: true });
    try {
      const made = await host.create({ plan, boot, network: host.network, address }, signal);
      return await keep({ ...asked, uid: made.uid });
    } catch (error) {
      if (verdictOf(error) !== 'unclear') throw error;
      // Hosts of 2021 say so of what is there already, and of whatever else is wrong.
      const found = await find();
      if (found) return keep({ ...asked, uid: found.uid });
      throw isValidation(error) ? fail(remoteErrors.REFUSED, refusal(host, plan, error)) : error;
    }
  }

  #choose(record: MicrovmRecord, refused: ReadonlySet<string>): Promise<MicrovmRecord> {
    return this.#choosing.run('', async () => {
      if (record.host !== '') return record;
      const { hosts, records, clock } = this.#o;
      const all = records.values().filter(({ keyJson }) => keyJson !== record.keyJson);
      const loads = [...hosts.values()].map(({ address, network }) => ({
        address,
        count: all.filter(({ host }) => host === address).length,
        failing: clock.monotonic() - (this.#failed.get(address) ?? Number.NEGATIVE_INFINITY) < AVOID_MS,
        reached: network !== undefined,
      }));
      const { name, reached } = record.plan;
      const host = chooseHost(name, reached, loads, refused) ?? '';
      const network = hosts.get(host)?.network;
      const taken = new Set(all.filter((other) => other.host === host).map(({ ip }) => ip));
      const ip = network ? freeAddress(network, taken) : '';
      if (network && ip === undefined) {
        const { first, last } = network;
        throw fail(microvmHostErrors.NO_ADDRESS_LEFT, { first, last, host });
      }
      const chosen = { ...record, host, ip: ip ?? '', asked: false };
      await records.put(chosen);
      return chosen;
    });
  }

  /** Waits until it is created; false when it is not there any more. @throws FAILED with the host's reason */
  #created(record: MicrovmRecord, host: MicrovmHost, signal: AbortSignal): Promise<boolean> {
    return this.#until(`${record.plan.name} is created`, host, signal, async () => {
      const seen = await host.get(record.uid, signal);
      if (!seen) return false;
      requireUnfailed(seen, host, record);
      if (seen.state === 'created') return true;
      return seen.reason === '' ? undefined : new Pending(seen.reason);
    });
  }

  async #remove(record: MicrovmRecord, operation: Operation): Promise<void> {
    const { records, hosts, logger } = this.#o;
    const { signal } = operation;
    const { plan, asked } = record;
    const host = hosts.get(record.host);
    if (asked && !host)
      logger.warn(
        { microvm: plan.name, host: record.host },
        'Given up with its host, which is not configured any more',
      );
    if (asked && host) {
      operation.progress(`deleting ${plan.name} at host ${host.address}`);
      signal.throwIfAborted();
      // Some hosts have no word for what they are deleting: not again at each look.
      const looks = new Map<string, number>();
      await this.#until(`${plan.name} is gone`, host, signal, async () => {
        const found = await host.named(plan.name, signal);
        for (const { uid, state } of found) {
          const seen = looks.get(uid) ?? 0;
          if (state !== 'deleting' && seen % LOOKS_BETWEEN_DELETES === 0) await host.delete(uid, signal);
          looks.set(uid, seen + 1);
        }
        return found.length === 0 ? true : undefined;
      });
    }
    await records.delete(record.keyJson);
  }

  /** The record, or one that goes to another host when its own is not configured any more. */
  #onKnownHost(record: MicrovmRecord | undefined): MicrovmRecord | undefined {
    if (!record || record.host === '' || this.#o.hosts.has(record.host)) return record;
    this.#o.logger.warn(
      { microvm: record.plan.name, host: record.host },
      'Its host is not configured any more',
    );
    return { ...record, host: '', uid: '', ip: '', asked: false };
  }

  /** Looks again and again until there is an answer. @throws TOO_SLOW, or what keeps it from coming */
  async #until<T>(
    what: string,
    host: MicrovmHost,
    signal: AbortSignal,
    step: () => Promise<T | Pending | undefined>,
  ): Promise<T> {
    const { clock, random, timing } = this.#o;
    const patience: Patience = { clock, random, signal, ...timing };
    const pause = new Backoff(timing.pollMs, random);
    const deadline = clock.monotonic() + timing.upMs;
    const peer = `host ${host.address}`;
    let tries = new Tries(patience);
    let reason = 'it says nothing more';
    for (;;) {
      signal.throwIfAborted();
      try {
        const answer = await step();
        if (answer instanceof Pending) reason = answer.reason;
        else if (answer !== undefined) return answer;
        tries = new Tries(patience);
      } catch (error) {
        await tries.failed(error).catch((final: unknown) => {
          throw explain(final, peer, what);
        });
      }
      if (clock.monotonic() > deadline)
        throw fail(remoteErrors.TOO_SLOW, { peer, what, seconds: timing.upMs / 1000, reason });
      await sleep(clock, pause.next(), signal);
    }
  }
}

/** Not there yet, and why. */
class Pending {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

function requireUnfailed({ state, reason }: SeenMicrovm, host: MicrovmHost, { plan }: MicrovmRecord): void {
  if (state !== 'failed') return;
  const peer = `host ${host.address}`;
  throw fail(remoteErrors.FAILED, { peer, what: `making ${plan.name}`, reason });
}

function sightOf({ ip, host }: MicrovmRecord): Present {
  const addresses = ip === '' ? [] : [ip];
  return { state: 'on', reach: { addresses, forwards: new Map() }, facts: new Map([['host', host]]) };
}

/** Current hosts have no other status for what is wrong with a request. */
const isValidation = (error: unknown): boolean =>
  /validation failures|provider .* isn't available|not supported by/.test(messageOf(error));

const refusal = ({ address }: MicrovmHost, { name }: MicrovmPlan, error: unknown) => ({
  ...{ peer: `host ${address}`, what: name, reason: messageOf(error) },
});
