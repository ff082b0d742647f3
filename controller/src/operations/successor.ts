import { Backoff, messageOf, sleep } from '@edgeplane/base';
import { isTransient } from '@edgeplane/lifecycle';
import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ObjectCache } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { type InstanceName, OPERATION, type Operation } from '../ownership/operation.js';
import { resumeOperation } from './resume.js';

const S = TrackedState;
const RETRY = { base: 100, max: 5000 };
/** How long after its time an operation is left to whoever began it, milliseconds. */
const OVERTIME_MS = 15_000;

interface Instance {
  readonly state: TrackedState;
}

/**
 * Sees to it that every operation has a living owner: takes over those of controllers that are gone, and those that a store
 * was taken over with. What it costs is in proportion to what was left behind. An operation of this controller that nobody
 * works on when its time is up is one too: it was stored, but whoever began it was told that this is uncertain.
 */
export class Successor {
  readonly #context: ControllerContext;
  readonly #unsubscribe: (() => void)[] = [];
  /** Own operations by key, and how to forget that they are to be looked at. */
  readonly #own = new Map<string, () => void>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** Begins to look after operations; this controller's owner entry must be stored. */
  start(): void {
    const { operations, owners, clusterInsts, appInsts } = this.#context.caches;
    this.#unsubscribe.push(
      owners.subscribe(({ previous, value }) => {
        if (value || !previous) return;
        for (const entry of operations.byIndex('owner', previous.id)) this.#consider(entry.value);
      }),
      operations.subscribe(({ key, value }) => {
        this.#forget(key);
        if (value) this.#consider(value);
      }),
    );
    for (const operation of operations.values()) this.#consider(operation);
    this.#adoptAll('ClusterInst', OBJECTS.ClusterInst, clusterInsts, () => false);
    this.#adoptAll('AppInst', OBJECTS.AppInst, appInsts, ({ key }) => {
      const cluster = key?.clusterInstKey && OBJECTS.ClusterInst.keyJson(key.clusterInstKey);
      return cluster !== undefined && (clusterInsts.get(cluster)?.value.auto ?? false);
    });
  }

  stop(): void {
    for (const end of this.#unsubscribe) end();
    for (const key of [...this.#own.keys()]) this.#forget(key);
  }

  /** Brings an operation of this controller to its end in the background, however often the store goes away meanwhile. */
  resume(operation: Operation): void {
    const { background, logger, clock, random, ownership } = this.#context;
    const work = async (signal: AbortSignal) => {
      const backoff = new Backoff(RETRY, random);
      while (!signal.aborted) {
        try {
          await resumeOperation(this.#context, operation);
          return;
        } catch (error) {
          if (signal.aborted) return;
          const { instance, key, work } = operation;
          logger.warn({ instance, key, work, reason: messageOf(error) }, 'Operation not settled yet');
        }
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
        if (!ownership.isOurs(operation)) return;
      }
    };
    background.run('operation', (signal) => ownership.workOn(operation, () => work(signal)));
  }

  #consider(operation: Operation): void {
    const { caches, ownership, background, logger } = this.#context;
    const { owner, instance, key, work } = operation;
    if (owner === ownership.owner.id) {
      this.#lookLater(operation);
      return;
    }
    if (caches.owners.has(ownerKey(owner))) return;
    background.run('take-over', async () => {
      const ours = await ownership.takeOver(operation);
      if (!ours) return;
      logger.info({ instance, key, work, from: owner }, 'Operation taken over');
      this.resume(ours);
    });
  }

  #lookLater(operation: Operation): void {
    const { clock, logger, ownership } = this.#context;
    const key = OPERATION.keyJson(operation);
    const cancel = clock.after(Math.max(0, operation.until - clock.now()) + OVERTIME_MS, () => {
      this.#own.delete(key);
      if (!ownership.isOurs(operation)) return;
      if (ownership.isWorkedOn(operation)) {
        this.#lookLater(operation);
        return;
      }
      const { instance, work } = operation;
      logger.warn({ instance, key: operation.key, work }, 'Operation that nobody works on taken up');
      this.resume(operation);
    });
    this.#own.set(key, cancel);
  }

  #forget(key: string): void {
    this.#own.get(key)?.();
    this.#own.delete(key);
  }

  /** Gives an owner to every instance that is in between two states and has none. */
  #adoptAll<T extends Instance, K>(
    instance: InstanceName,
    type: ObjectType<T, K>,
    cache: ObjectCache<T>,
    onAutoCluster: (object: T) => boolean,
  ): void {
    const { caches, ownership, background, timeouts, logger } = this.#context;
    for (const { key, value } of cache.entries()) {
      if (!isTransient(value.state) || caches.operations.has(OPERATION.keyJson({ instance, key }))) continue;
      const work = workIn(value.state);
      const autoCluster = work === 'delete' && onAutoCluster(value);
      background.run('adoption', async () => {
        const begun = { instance, key, work, timeoutMs: timeouts[work], autoCluster };
        const operation = await ownership.adopt({ instance, key }, begun, async (tx) => {
          const stored = await tx.get(type, type.parseKeyJson(key));
          return stored !== undefined && isTransient(stored.state) && workIn(stored.state) === work;
        });
        if (!operation) return;
        logger.info({ instance, key, work }, 'Operation without an owner adopted');
        this.resume(operation);
      });
    }
  }
}

function ownerKey(id: string): string {
  return JSON.stringify({ id });
}

function workIn(state: TrackedState): Operation['work'] {
  if (state === S.CREATE_REQUESTED || state === S.CREATING) return 'create';
  return state === S.UPDATE_REQUESTED || state === S.UPDATING ? 'update' : 'delete';
}
