import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { CacheSync, ObjectCache } from '@edgeplane/store';

type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

/** The caches of a controller, with the indexes that its checks need. Index keys are key JSON unless stated. */
export function registerCaches(sync: CacheSync) {
  const { App, AppInst, Cloudlet, CloudletInfo, CloudletRefs, Cluster, ClusterInst } = OBJECTS;
  const { Controller, Developer, Flavor, Operator } = OBJECTS;
  const empty = { name: '' };
  return {
    developers: register(sync, Developer),
    operators: register(sync, Operator),
    flavors: register(sync, Flavor),
    clusters: register(sync, Cluster, {
      flavor: (o) => [Flavor.keyJson(o.defaultFlavor ?? empty)],
    }),
    apps: register(sync, App, {
      developer: (o) => [Developer.keyJson(o.key?.developerKey ?? empty)],
      flavor: (o) => [Flavor.keyJson(o.defaultFlavor ?? empty)],
      /** By name of the package. */
      android: (o) => (o.androidPackageName === '' ? [] : [o.androidPackageName]),
    }),
    cloudlets: register(sync, Cloudlet, {
      operator: (o) => [Operator.keyJson(o.key?.operatorKey ?? empty)],
    }),
    cloudletInfos: register(sync, CloudletInfo),
    cloudletRefs: register(sync, CloudletRefs),
    clusterInsts: register(sync, ClusterInst, {
      cloudlet: (o) => [ClusterInst.cloudletKeyJson(o) ?? ''],
      cluster: (o) => [Cluster.keyJson(o.key?.clusterKey ?? empty)],
      flavor: (o) => [Flavor.keyJson(o.flavor ?? empty)],
    }),
    appInsts: register(sync, AppInst, {
      app: (o) => [App.keyJson(o.key?.appKey ?? noAppKey())],
      cloudlet: (o) => [AppInst.cloudletKeyJson(o) ?? ''],
      clusterInst: (o) => [ClusterInst.keyJson(o.key?.clusterInstKey ?? noClusterInstKey())],
      flavor: (o) => [Flavor.keyJson(o.flavor ?? empty)],
    }),
    controllers: register(sync, Controller),
  };
}

export type Caches = ReturnType<typeof registerCaches>;

function noAppKey() {
  return { developerKey: undefined, name: '', version: '' };
}

function noClusterInstKey() {
  return { clusterKey: undefined, cloudletKey: undefined, developer: '' };
}

function register<T, K>(sync: CacheSync, type: ObjectType<T, K>, indexes: Indexes<T> = {}): ObjectCache<T> {
  return sync.register<T>({
    name: type.name,
    prefix: `${type.name}/`,
    decode: (entry) => type.fromStored(entry.value),
    indexes,
  });
}
