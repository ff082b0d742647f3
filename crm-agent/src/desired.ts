import { ObjectTable, type Receiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';

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

/** What is told of a session. */
export interface SessionListener {
  /** All that the controller has is in the tables, and nothing else. */
  onSynced(): void;
  onDisconnect(): void;
}

/** In the order the reference asks for them (spec section 9.2). */
export function receiversOf(tables: AgentTables, listener: SessionListener): readonly Receiver[] {
  const { flavors, apps, appInsts, cloudlets, clusterInsts } = tables;
  const first = { ...asReceiver(flavors), onDisconnect: () => listener.onDisconnect() };
  const last = {
    ...asReceiver(clusterInsts),
    onSynced(validKeyJsons: ReadonlySet<string>) {
      clusterInsts.onSynced(validKeyJsons);
      listener.onSynced();
    },
  };
  // Each takes only what its own type decodes to, which the list's type cannot say.
  return [first, apps, appInsts, cloudlets, last] as readonly unknown[] as readonly Receiver[];
}

function asReceiver<T, K>(table: ObjectTable<T, K>): Receiver<T, K> {
  return {
    type: table.type,
    onUpdate: (object) => table.onUpdate(object),
    onDelete: (key, keyJson) => table.onDelete(key, keyJson),
    onSynced: (validKeyJsons) => table.onSynced(validKeyJsons),
  };
}
