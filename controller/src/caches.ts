import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { CacheSync, ObjectCache } from '@edgeplane/store';
import type { StoredType } from './db/stored-type.js';
import { OPERATION, OWNER } from './ownership/operation.js';

type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

/**
 * The caches of a controller. Each has an index for every type that its objects refer to, named after it in lower camel
 * case (`clusterInst`), with key JSON as index keys; the references are those that the protos declare.
 */
export function registerCaches(sync: CacheSync) {
  const { App, AppInst, Cloudlet, CloudletInfo, CloudletRefs, Cluster, ClusterInst, ClusterRefs } = OBJECTS;
  const { Controller, CookieKey, Developer, Flavor, Operator } = OBJECTS;
  return {
    developers: register(sync, Developer),
    operators: register(sync, Operator),
    flavors: register(sync, Flavor),
    clusters: register(sync, Cluster),
    apps: register(sync, App, {
      /** By name of the package. */
      android: (o) => (o.androidPackageName === '' ? [] : [o.androidPackageName]),
    }),
    cloudlets: register(sync, Cloudlet),
    cloudletInfos: register(sync, CloudletInfo),
    cloudletRefs: register(sync, CloudletRefs),
    clusterInsts: register(sync, ClusterInst, {
      developer: (o) => [Developer.keyJson({ name: o.key?.developer ?? '' })],
    }),
    clusterRefs: register(sync, ClusterRefs),
    appInsts: register(sync, AppInst),
    controllers: register(sync, Controller),
    cookieKeys: register(sync, CookieKey),
    operations: registerStored(sync, OPERATION, { owner: (o) => [o.owner] }),
    owners: registerStored(sync, OWNER),
  };
}

export type Caches = ReturnType<typeof registerCaches>;

function registerStored<T, K>(
  sync: CacheSync,
  type: StoredType<T, K>,
  indexes: Indexes<T> = {},
): ObjectCache<T> {
  return sync.register<T>({
    name: type.name,
    prefix: `${type.name}/`,
    decode: (entry) => type.fromStored(entry.value),
    indexes,
  });
}

function register<T, K>(sync: CacheSync, type: ObjectType<T, K>, indexes: Indexes<T> = {}): ObjectCache<T> {
  return registerStored(sync, type, { ...referenceIndexes(type), ...indexes });
}

function referenceIndexes<T, K>(type: ObjectType<T, K>): Indexes<T> {
  const indexes = type.referencedTypes.map((name) => {
    const index = (object: T) => type.references(object, name);
    return [referenceIndex(name), index] as const;
  });
  return Object.fromEntries(indexes);
}

/** Name of the index of references to a type. */
export function referenceIndex(typeName: string): string {
  return typeName.charAt(0).toLowerCase() + typeName.slice(1);
}
