import { EdgeplaneError, messageOf, type Random } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { AppInst, AppInstApiClient, type AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { ClusterInst, ClusterInstApiClient } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { callStream, connect } from '@edgeplane/rpc';

/** What a user was told of an instance of its own. */
type Belief = 'absent' | 'present' | 'unknown';

export const SITES = ['one', 'two'] as const;
const TIMED_OUT = /Timed out while work still in progress/;

/**
 * Creates and deletes AppInsts of one App, on auto-clusters of its own, on one that all users share, and on a ClusterInst of
 * its own, at whatever controller there is; and remembers what it was told.
 */
export class User {
  /** Key JSON of an AppInst to what its user believes. */
  readonly beliefs = new Map<string, Belief>();
  calls = 0;
  interrupted = 0;
  refused = 0;
  readonly #name: string;
  readonly #controllers: readonly string[];
  readonly #random: Random;
  #stopped = false;

  constructor(name: string, controllers: readonly string[], random: Random) {
    this.#name = name;
    this.#controllers = controllers;
    this.#random = random;
  }

  async run(): Promise<void> {
    while (!this.#stopped) await this.#step();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #step(): Promise<void> {
    const site = this.#pick(SITES);
    const cluster = this.#pick([`autocluster${this.#name}`, 'autoclusterall', `c-${this.#name}`]);
    const key: AppInstKey = {
      appKey: { developerKey: { name: 'dev' }, name: this.#name, version: '1' },
      clusterInstKey: {
        clusterKey: { name: cluster },
        cloudletKey: { operatorKey: { name: 'op' }, name: site },
        developer: 'dev',
      },
    };
    const keyJson = OBJECTS.AppInst.keyJson(key);
    const belief = this.beliefs.get(keyJson) ?? 'absent';
    const create = belief === 'absent' || (belief === 'unknown' && this.#random.next() < 0.5);
    if (create && cluster.startsWith('c-')) await this.#call('createClusterInst', key);
    const outcome = await this.#call(create ? 'createAppInst' : 'deleteAppInst', key);
    this.beliefs.set(keyJson, outcome === 'done' ? (create ? 'present' : 'absent') : outcome);
    if (!create && cluster.startsWith('c-')) await this.#call('deleteClusterInst', key);
  }

  /** `done` when the call said so; a belief when what is there is known otherwise. */
  async #call(
    method: 'createAppInst' | 'deleteAppInst' | 'createClusterInst' | 'deleteClusterInst',
    key: AppInstKey,
  ): Promise<'done' | Belief> {
    const address = this.#pick(this.#controllers);
    this.calls += 1;
    let last = '';
    const clients = [connect(AppInstApiClient, address), connect(ClusterInstApiClient, address)] as const;
    try {
      const control = { deadlineMs: 120_000 };
      const results =
        method === 'createAppInst' || method === 'deleteAppInst'
          ? callStream(clients[0], method, AppInst.fromPartial({ key }), control)
          : callStream(
              clients[1],
              method,
              ClusterInst.fromPartial({
                key: key.clusterInstKey,
                flavor: { name: 'small' },
                numNodes: 1,
              }),
              control,
            );
      for await (const { message } of results) last = message;
      return TIMED_OUT.test(last) ? 'unknown' : 'done';
    } catch (error) {
      return this.#beliefAfter(method, error);
    } finally {
      for (const client of clients) client.close();
    }
  }

  #beliefAfter(method: string, error: unknown): Belief {
    if (error instanceof EdgeplaneError && error.status === 'UNAVAILABLE') {
      this.interrupted += 1;
      return 'unknown';
    }
    this.refused += 1;
    return method === 'deleteAppInst' && messageOf(error) === 'Key not found' ? 'absent' : 'unknown';
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random.next() * values.length)] as T;
  }
}
