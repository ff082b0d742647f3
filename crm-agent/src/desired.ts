import { type HeldBefore, heldBefore, type Mirrored, ObjectTable, type Receiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { Flavor, FlavorKey } from '@edgeplane/proto/edgeproto/flavor.js';
import type { Settling } from './settling.js';

/** What the controller sends, kept while disconnected. */
export function desiredTables() {
  return {
    flavors: new ObjectTable(OBJECTS.Flavor),
    apps: new ObjectTable(OBJECTS.App),
    appInsts: new ObjectTable(OBJECTS.AppInst),
    cloudlets: new ObjectTable(OBJECTS.Cloudlet),
    clusterInsts: new ObjectTable(OBJECTS.ClusterInst),
  };
}

export type AgentTables = ReturnType<typeof desiredTables>;

/** Puts what an earlier run had into its table; what the notify client has to know of it. */
export function fillTables(tables: AgentTables, mirrored: Mirrored): HeldBefore[] {
  const list = tableList(tables);
  const byType = new Map(list.map((table) => [table.type.name, table]));
  for (const { type, object } of mirrored.objects) byType.get(type)?.put(object);
  return heldBefore(mirrored, list);
}

export function tableList(tables: AgentTables): ObjectTable<unknown, unknown>[] {
  // Each takes only what its own type decodes to, which the list's type cannot say.
  return Object.values(tables) as unknown[] as ObjectTable<unknown, unknown>[];
}

/** What is told of a session. */
export interface SessionListener {
  /** All that the controller has is in the tables, and nothing else. */
  onSynced(): void;
  /** Of what is not filtered by cloudlet, all is in the tables; of the rest, `settling` tells (version 1). */
  onPartlySynced(): void;
  onDisconnect(): void;
}

/** In the order the reference asks for them (spec section 9.2). */
export function receiversOf(
  tables: AgentTables,
  settling: Settling,
  listener: SessionListener,
): readonly Receiver[] {
  const { flavors, apps, appInsts, cloudlets, clusterInsts } = tables;
  /** Types that have been synced in this session (version 2); they come in the sender's order. */
  const synced = new Set<string>();
  const filtered = <T, K>(table: ObjectTable<T, K>): Receiver<T, K> => ({
    type: table.type,
    onUpdate(object, peer, keyJson = table.type.keyJsonOf(object)) {
      if (peer.version === 1) settling.updated(table.type.name, keyJson);
      table.onUpdate(object, peer, keyJson);
    },
    onDelete(key, keyJson) {
      settling.deleted(table.type.name, keyJson);
      table.onDelete(key, keyJson);
    },
    onSynced(validKeyJsons, { version }) {
      if (version === 1) return;
      table.onSynced(validKeyJsons);
      synced.add(table.type.name);
      if (synced.size === FILTERED) listener.onSynced();
    },
  });
  const first: Receiver<Flavor, FlavorKey> = {
    type: flavors.type,
    onUpdate: (object, peer, keyJson) => flavors.onUpdate(object, peer, keyJson),
    onDelete: (key, keyJson) => flavors.onDelete(key, keyJson),
    onSynced(validKeyJsons, { version }) {
      flavors.onSynced(validKeyJsons);
      if (version === 1) listener.onPartlySynced();
    },
    onDisconnect() {
      synced.clear();
      settling.ended();
      listener.onDisconnect();
    },
  };
  const rest = [filtered(apps), filtered(appInsts), filtered(cloudlets), filtered(clusterInsts)];
  // Each takes only what its own type decodes to, which the list's type cannot say.
  return [first, ...rest] as readonly unknown[] as readonly Receiver[];
}

/** Types that an agent is sent only as far as they concern its cloudlet. */
const FILTERED = 4;
