import { OBJECTS } from '@edgeplane/objects';
import type { ClusterInst, ClusterInstInfo } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Driver, Operation } from './drivers/driver.js';
import type { RoomToRemove } from './reserve.js';
import type { DesiredTables } from './tables.js';
import { texts } from './texts.js';
import type { InstanceKind } from './workers.js';

/** ClusterInsts as the workers treat them (spec section 10.2). */
export function clusterKind(
  tables: DesiredTables,
  driver: Driver,
  room: RoomToRemove,
): InstanceKind<ClusterInst, ClusterInstInfo> {
  const request = (keyJson: string, clusterInst: ClusterInst) => ({
    keyJson,
    clusterInst,
    flavor: tables.flavors.get(OBJECTS.Flavor.keyJson({ name: clusterInst.flavor?.name ?? '' })),
  });
  const remove = (keyJson: string, operation: Operation) =>
    room.spend(() => driver.deleteClusterInst(keyJson, operation));
  return {
    name: 'ClusterInst',
    updates: true,
    keys: () => tables.clusterInsts.keys(),
    desired: (keyJson) => tables.clusterInsts.get(keyJson),
    stateOf: (clusterInst) => clusterInst.state,
    blocked: () => undefined,
    planCreate: (keyJson, clusterInst) => ({
      run: (operation) => driver.createClusterInst(request(keyJson, clusterInst), operation),
    }),
    planUpdate: (keyJson, clusterInst) => ({
      run: (operation) => driver.updateClusterInst(request(keyJson, clusterInst), operation),
    }),
    planDelete: (keyJson) => ({ run: (operation) => remove(keyJson, operation) }),
    describe: async () => (info) => info,
    cleanUp: remove,
    failure(verb, error) {
      switch (verb) {
        case 'create':
          return texts.clusterCreateFailed(error);
        case 'update':
          return texts.clusterUpdateFailed(error);
        case 'delete':
          return texts.clusterDeleteFailed(error);
      }
    },
  };
}

/** True when the instance's App runs inside a ClusterInst. */
export function needsCluster(deployment: string): boolean {
  return deployment !== 'vm';
}
