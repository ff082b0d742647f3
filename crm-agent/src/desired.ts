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

/** In the order the reference asks for them (spec section 9.2). `onDisconnect` hears of the end of each session. */
export function receiversOf(tables: AgentTables, onDisconnect: () => void): readonly Receiver[] {
  const { flavors, apps, appInsts, cloudlets, clusterInsts } = tables;
  const first = { ...asReceiver(flavors), onDisconnect };
  // Each takes only what its own type decodes to, which the list's type cannot say.
  return [first, apps, appInsts, cloudlets, clusterInsts] as readonly unknown[] as readonly Receiver[];
}

function asReceiver<T, K>(table: ObjectTable<T, K>): Receiver<T, K> {
  return {
    type: table.type,
    onUpdate: (object) => table.onUpdate(object),
    onDelete: (key, keyJson) => table.onDelete(key, keyJson),
    onSynced: (validKeyJsons) => table.onSynced(validKeyJsons),
  };
}
