import { type Clock, type Random, randomId } from '@edgeplane/base';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ObjectCache } from '@edgeplane/store';
import type { Database } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { OPERATION, type Operation, type OperationKey, OWNER, type Owner } from './operation.js';

export interface OwnershipOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly operations: ObjectCache<Operation>;
}

/** What is said of an operation that begins. */
export type Begun = Pick<Operation, 'instance' | 'key' | 'work'> & {
  /** Time the agent has, milliseconds. */
  readonly timeoutMs: number;
} & Partial<Pick<Operation, 'ignoresAgentErrors' | 'autoCluster' | 'before'>>;

/**
 * The operations that this controller has begun or taken over. Each has one owner at a time: what settles it is done in
 * transactions that hold only while the stored operation says so, however late they come and whoever believes to be the owner.
 *
 * To give an operation an owner: `begin` it in the transaction that moves the instance, `end` it in one that settles it, or
 * `finish` it when there is nothing left to settle.
 */
export class Ownership {
  /** This controller, in this life of its process. */
  readonly owner: Owner;
  readonly #options: OwnershipOptions;
  /** Ids of operations to how many work on each. */
  readonly #workers = new Map<string, number>();

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.owner = { id: randomId(options.random) };
  }

  /** Part of a transaction: an operation that begins, in place of one that may be under way on the same instance. */
  begin(tx: Tx, { timeoutMs, ...begun }: Begun): Operation {
    const operation: Operation = {
      ignoresAgentErrors: false,
      autoCluster: false,
      ...begun,
      id: randomId(this.#options.random),
      owner: this.owner.id,
      until: this.#options.clock.now() + timeoutMs,
    };
    tx.put(OPERATION, operation);
    return operation;
  }

  /** Part of a transaction: whether the operation is this controller's to settle. */
  async holds(tx: Tx, operation: Operation): Promise<boolean> {
    const stored = await tx.get(OPERATION, operation);
    return stored?.id === operation.id && stored.owner === this.owner.id;
  }

  /** Part of a transaction that {@link holds} it: the agent has this long from now. */
  async prolong(tx: Tx, operation: Operation, timeoutMs: number): Promise<void> {
    const stored = await tx.get(OPERATION, operation);
    if (stored) tx.put(OPERATION, { ...stored, until: this.#options.clock.now() + timeoutMs });
  }

  /** Part of a transaction: ends it, if it is still this controller's. */
  async end(tx: Tx, operation: Operation): Promise<void> {
    if (await this.holds(tx, operation)) tx.delete(OPERATION, operation);
  }

  /** Ends it in a transaction of its own. */
  async finish(operation: Operation): Promise<void> {
    if (this.isOurs(operation)) await this.#options.db.commit((tx) => this.end(tx, operation));
  }

  /** Does work on an operation; until its end, nobody needs to see to the operation. */
  async workOn<T>({ id }: Operation, work: () => Promise<T>): Promise<T> {
    this.#workers.set(id, (this.#workers.get(id) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#workers.get(id) ?? 0) - 1;
      if (left > 0) this.#workers.set(id, left);
      else this.#workers.delete(id);
    }
  }

  isWorkedOn({ id }: Operation): boolean {
    return this.#workers.has(id);
  }

  /** Whether the operation is this controller's, as far as is known. */
  isOurs(operation: Operation): boolean {
    const known = this.#options.operations.get(OPERATION.keyJson(operation))?.value;
    return known?.id === operation.id && known.owner === this.owner.id;
  }

  /**
   * Takes over an operation whose owner is gone. Undefined when it is not: the owner lives, it has ended, or another
   * controller was faster.
   */
  async takeOver(found: Operation): Promise<Operation | undefined> {
    const { value } = await this.#options.db.commit(async (tx) => {
      const stored = await tx.get(OPERATION, found);
      if (stored?.id !== found.id || stored.owner === this.owner.id) return undefined;
      if (await tx.entry(OWNER, { id: stored.owner })) return undefined;
      const ours = { ...stored, owner: this.owner.id };
      tx.put(OPERATION, ours);
      return ours;
    });
    return value;
  }

  /** Gives an owner to work that has none; undefined when it has one by now, or `fits` says that there is none. */
  async adopt(
    key: OperationKey,
    begun: Begun,
    fits: (tx: Tx) => Promise<boolean>,
  ): Promise<Operation | undefined> {
    const { value } = await this.#options.db.commit(async (tx) => {
      if ((await tx.get(OPERATION, key)) || !(await fits(tx))) return undefined;
      return this.begin(tx, begun);
    });
    return value;
  }
}

/** Part of the transaction in which a report of the agent moves an instance: its operation may be over with that. */
export async function endByReport(tx: Tx, key: OperationKey, state: TrackedState): Promise<void> {
  if (state !== TrackedState.READY && state !== TrackedState.NOT_PRESENT) return;
  const operation = await tx.get(OPERATION, key);
  if (!operation) return;
  const follows = operation.autoCluster && state === TrackedState.NOT_PRESENT;
  if (!follows) tx.delete(OPERATION, operation);
}
