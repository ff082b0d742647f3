import { type Clock, fail, KeyedTurns, type Logger } from '@edgeplane/base';
import type { Ulids } from '../ulids.js';
import { checkAsked, checkMachine, completed, ordered, specDigest, withDefaults } from './accept.js';
import { flintlockErrors } from './errors.js';
import type { NetworkSettings } from './machine-plan.js';
import type { MicrovmTable } from './microvm-table.js';
import { type Dialect, FRESH_STATUS, type Microvm, type MicrovmSpec } from './model.js';
import type { Reservations } from './reservations.js';

/** A label by which a create that is sent again is known to be the same one. */
export const REQUEST_LABEL = 'edgeplane.io/request-id';

export interface MicrovmsOptions {
  readonly table: MicrovmTable;
  readonly uids: Ulids;
  readonly network: NetworkSettings;
  readonly room: Reservations;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each microVM that is new or changed, and of each that is to go. */
  readonly changed: (uid: string) => void;
  readonly deleted: (uid: string) => void;
}

/** What callers of either dialect can do. Nothing is waited for but the record: the rest follows by itself. */
export class Microvms {
  readonly #o: MicrovmsOptions;
  readonly #turns = new KeyedTurns();

  constructor(options: MicrovmsOptions) {
    this.#o = options;
  }

  /**
   * Records a microVM that is to be made. One with the same label {@link REQUEST_LABEL} is given back, not made again.
   * @throws EdgeplaneError in flintlock's words
   */
  async create(asked: MicrovmSpec, dialect: Dialect): Promise<Microvm> {
    const spec = withDefaults(asked, dialect);
    checkAsked(spec, dialect, 'creating');
    // One after the other for a name, so that what is found of it does not change before the record is there.
    return this.#turns.run(`${spec.namespace}/${spec.id}`, () => this.#create(spec, dialect));
  }

  async #create(spec: MicrovmSpec, dialect: Dialect): Promise<Microvm> {
    const { table, uids, network, room, clock, logger, changed } = this.#o;
    const askedDigest = specDigest(spec);
    const known = this.#sameRequest(spec, askedDigest);
    if (known) return known;
    const { namespace, id } = spec;
    if (dialect === '2021' && table.named(namespace, id).length > 0)
      throw fail(flintlockErrors.EXISTS, { namespace, id });
    const uid = uids.next();
    const vm: Microvm = {
      ...{ uid, version: 1, generation: 1, askedDigest },
      spec: completed(spec, uid, dialect),
      status: FRESH_STATUS,
      createdAt: clock.now(),
    };
    checkMachine(vm, network, dialect, 'creating');
    await room.take(vm);
    try {
      await table.add(vm);
    } catch (error) {
      room.release(uid);
      throw error;
    }
    logger.info({ vm: uid, namespace, id, to: 'pending' }, 'MicroVM recorded');
    changed(uid);
    return vm;
  }

  /** What an earlier try of the same request has made. @throws OTHER_REQUEST when that was of another specification */
  #sameRequest({ namespace, id, labels }: MicrovmSpec, digest: string): Microvm | undefined {
    const request = labels[REQUEST_LABEL];
    if (!request) return undefined;
    const made = this.#o.table
      .named(namespace, id)
      .find((vm) => vm.spec.labels[REQUEST_LABEL] === request && vm.deletedAt === undefined);
    if (made && made.askedDigest !== digest)
      throw fail(flintlockErrors.OTHER_REQUEST, { request: JSON.stringify(request), namespace, id });
    return made;
  }

  get(uid: string): Microvm | undefined {
    return this.#o.table.get(uid);
  }

  /** The one of a name: of several, the oldest that is not being deleted. */
  named(namespace: string, id: string): Microvm | undefined {
    const all = this.#o.table.named(namespace, id);
    return all.find(({ deletedAt }) => deletedAt === undefined) ?? all[0];
  }

  /** In the order in which they were made; empty texts mean any. */
  list(namespace: string, id = ''): readonly Microvm[] {
    return this.#o.table.list(namespace, id);
  }

  /** Marks a microVM as one that is to go; repeating it is a new try. False when there is none. */
  async delete(uid: string): Promise<boolean> {
    const { table, clock, deleted, logger } = this.#o;
    let from: string | undefined;
    const vm = await table.change(uid, (now) => {
      from = now.status.state;
      const { nextAttemptAt: _, ...status } = now.status;
      const deletedAt = now.deletedAt ?? clock.now();
      return { ...now, deletedAt, status: { ...status, state: 'deleting', retry: 0, reason: '' } };
    });
    if (!vm) return false;
    if (from !== 'deleting') logger.info({ vm: uid, from, to: 'deleting' }, 'MicroVM is to be deleted');
    deleted(uid);
    return true;
  }

  /**
   * Changes what a microVM should be. Labels and what is told of it change at once, the rest when its machine starts next; one
   * that was given up is tried again.
   * @param change makes the new specification of the present one
   */
  async update(uid: string, change: (spec: MicrovmSpec) => MicrovmSpec, dialect: Dialect): Promise<Microvm> {
    const { table, network, clock, changed } = this.#o;
    const after = await table.change(uid, (now) => {
      const { namespace, id } = now.spec;
      const name = dialect === '2021' ? `${namespace}/${id}` : `//${uid}`;
      if (now.deletedAt !== undefined) throw fail(flintlockErrors.BEING_DELETED, { name });
      const spec = change(now.spec);
      checkUnchanged(now.spec, spec);
      checkAsked(spec, dialect, 'updating');
      const { labels: _, ...machineBefore } = now.spec;
      const { labels: __, ...machineAfter } = spec;
      const givenUp = now.status.state === 'failed';
      const next: Microvm = {
        ...now,
        spec,
        updatedAt: clock.now(),
        generation: now.generation + (isSame(machineBefore, machineAfter) ? 0 : 1),
        ...(givenUp && { status: { ...now.status, state: 'pending', retry: 0, reason: '' } }),
      };
      // What the other dialect took as it is may stay.
      const taken = isSame(now.spec.metadata, spec.metadata) ? 'current' : dialect;
      checkMachine(next, network, taken, 'updating');
      return next;
    });
    if (!after) throw fail(flintlockErrors.UPDATE_NOT_FOUND, { name: `//${uid}` });
    changed(uid);
    return after;
  }
}

/** Members that are what a microVM is, and not how. */
const IMMUTABLE = ['id', 'namespace', 'provider', 'volumes'] as const;

function checkUnchanged(before: MicrovmSpec, after: MicrovmSpec): void {
  for (const field of IMMUTABLE)
    if (!isSame(before[field], after[field])) throw fail(flintlockErrors.IMMUTABLE, { field });
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(ordered(a)) === JSON.stringify(ordered(b));
}
