import { Backoff, type Clock, fail, isKind, type Logger, type Random, sleep } from '@edgeplane/base';
import { type Entry, type Store, storeErrors, type TxnRequest } from '@edgeplane/store';
import { versionKey } from '../db/store-keys.js';
import { controllerErrors } from '../errors.js';
import { OtherControllers } from './other-controllers.js';
import { convertAll, packBatches, sharedTargets } from './plan.js';
import { parseStoredVersion, type Step, upgradingText, type VersionChain } from './versions.js';

export interface UpgradeOptions {
  readonly store: Store;
  readonly region: number;
  readonly chain: VersionChain;
  /** Do not mind other controllers that are registered. */
  readonly force: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the upgrade between two transactions; it can be run again. */
  readonly signal: AbortSignal;
}

/** Lost races in a row before giving up: each was won by somebody who got on with the same work. */
const MAX_CONFLICTS = 500;

/**
 * Brings stored data to the current version, one step of the chain after the other (controller spec section 19.3).
 *
 * A step of a store of any size is many transactions, so it must survive a crash between any two of them, and another
 * controller doing the same: `<region>/Version` says that the step runs, from its first transaction to its last. What
 * was written before that mark is still to be converted, what was written after it has been, so nothing is converted
 * twice; every transaction holds only while the mark and the entries it converts are as they were read. All entries are
 * converted in memory before the mark is set: what cannot be read stops the upgrade before it has changed anything.
 *
 * @throws EdgeplaneError VERSION_UNKNOWN, UPGRADE_FAILED, UPGRADE_CONTROLLERS; what the store throws
 */
export async function upgradeStoredData(options: UpgradeOptions): Promise<void> {
  const { store, region, chain, logger, clock, random, signal } = options;
  const others = options.force ? undefined : new OtherControllers({ store, region, logger, clock });
  const backoff = new Backoff({ base: 5, max: 500 }, random);
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; ) {
    signal.throwIfAborted();
    const { entry } = await store.get(versionKey(region));
    if (!entry || entry.value === chain.current.hash) return;
    const stored = parseStoredVersion(entry.value);
    const from = stored.kind === 'upgrading' ? stored.from : entry.value;
    const step = chain.stepFrom(from);
    if (!step || (stored.kind === 'upgrading' && stored.to !== step.to.hash)) {
      throw fail(controllerErrors.VERSION_UNKNOWN, { hash: from, ...newest(chain) });
    }
    if (others && !(await others.gone())) {
      await sleep(clock, 500, signal);
      continue;
    }
    const run = new StepRun(options, step, entry);
    if (await (stored.kind === 'upgrading' ? run.convert() : run.begin())) {
      conflicts = 0;
      backoff.reset();
    } else {
      conflicts++;
      await sleep(clock, backoff.next(), signal);
    }
  }
  throw fail(storeErrors.TXN_CONFLICT, { attempts: MAX_CONFLICTS });
}

/** Parameters of error texts that name the newest version this program knows. */
export function newest({ current }: VersionChain) {
  return { current: current.number, currentHash: current.hash };
}

/** One try at one step, from the moment at which `<region>/Version` was read. */
class StepRun {
  readonly #options: UpgradeOptions;
  readonly #step: Step;
  readonly #version: Entry;

  constructor(options: UpgradeOptions, step: Step, version: Entry) {
    this.#options = options;
    this.#step = step;
    this.#version = version;
  }

  /** Marks the step as running; one that changes no data is done at once. False when somebody was faster. */
  async begin(): Promise<boolean> {
    const { store, region, logger } = this.#options;
    const { upgrade, from, to } = this.#step;
    if (!upgrade) return this.#setVersion(to.hash);
    const { entries } = await store.list(upgrade.prefix(region));
    const conversions = convertAll(upgrade, entries, region);
    for (const key of sharedTargets(entries, conversions)) {
      logger.warn({ upgrade: upgrade.name, key }, 'Several entries become one: the last stays');
    }
    const counts = { entries: entries.length, converted: conversions.length };
    logger.info({ upgrade: upgrade.name, from, to, ...counts }, 'Upgrading stored data');
    return this.#setVersion(upgradingText(this.#step));
  }

  /** Converts what has not been converted yet, then says so. False when somebody was faster. */
  async convert(): Promise<boolean> {
    const { store, region, logger } = this.#options;
    const { upgrade, from, to } = this.#step;
    if (!upgrade) return this.#setVersion(to.hash);
    const { entries } = await store.list(upgrade.prefix(region));
    const old = entries.filter((entry) => entry.revision < this.#version.revision);
    const conversions = convertAll(upgrade, old, region);
    const batches = packBatches(conversions, { compares: 1, bytes: this.#version.key.length });
    for (const { sources, changes } of batches) {
      this.#options.signal.throwIfAborted();
      logger.debug({ upgrade: upgrade.name, keys: sources.map(({ key }) => key) }, 'Upgrading entries');
      const compare = [this.#version, ...sources].map(({ key, revision }) => ({ key, revision }));
      if (!(await this.#attempt({ compare, ops: changes }))) return false;
    }
    if (!(await this.#setVersion(to.hash))) return false;
    logger.info({ upgrade: upgrade.name, from, to, transactions: batches.length }, 'Stored data upgraded');
    return true;
  }

  #setVersion(value: string): Promise<boolean> {
    const { key, revision } = this.#version;
    return this.#attempt({ compare: [{ key, revision }], ops: [{ type: 'put', key, value }] });
  }

  /** False when something has changed, or it is not known whether the store did it: reading again tells. */
  async #attempt(request: TxnRequest): Promise<boolean> {
    try {
      return (await this.#options.store.txn(request)).succeeded;
    } catch (error) {
      if (isKind(error, storeErrors.WRITE_UNCERTAIN)) return false;
      throw error;
    }
  }
}
