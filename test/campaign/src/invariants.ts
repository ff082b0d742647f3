import type { Store } from '@edgeplane/store';

interface Key {
  readonly name?: string;
}

interface StoredClusterInst {
  readonly key: { readonly cluster_key: Key; readonly cloudlet_key: unknown };
  readonly flavor: Key;
  readonly state?: string;
  readonly auto?: boolean;
  readonly num_masters?: number;
  readonly num_nodes?: number;
}

interface StoredAppInst {
  readonly key: { readonly app_key: unknown; readonly cluster_inst_key: { readonly cloudlet_key: unknown } };
  readonly state?: string;
  readonly mapped_ports: readonly { readonly public_port?: number }[] | null;
}

interface StoredCloudletRefs {
  readonly key: unknown;
  readonly clusters: readonly Key[] | null;
  readonly used_ram?: number;
  readonly root_lb_ports?: Readonly<Record<string, number>>;
}

/** What the store holds of instances, once nothing is under way. */
export interface Inventory {
  /** Key JSON of every instance. */
  readonly appInsts: readonly string[];
  readonly clusterInsts: readonly string[];
  /** What is not as it should be. */
  readonly faults: readonly string[];
}

/** Whether anything is still under way. */
export async function isQuiet(store: Store): Promise<boolean> {
  if ((await store.list('1/Operation/')).entries.length > 0) return false;
  const instances = [...(await load(store, 'ClusterInst')), ...(await load(store, 'AppInst'))];
  return instances.every(
    ({ value }) => !/Request|ing$|Prepare/.test((value as { state?: string }).state ?? ''),
  );
}

/**
 * Counts everything again from the instances alone, and compares it with what the controllers have counted: no leaked
 * cluster, port or address, and no operation without an end.
 */
export async function takeInventory(store: Store, flavorRam: number): Promise<Inventory> {
  const faults: string[] = [];
  const clusters = await load<StoredClusterInst>(store, 'ClusterInst');
  const apps = await load<StoredAppInst>(store, 'AppInst');
  const refs = await load<StoredCloudletRefs>(store, 'CloudletRefs');
  for (const { key } of (await store.list('1/Operation/')).entries) faults.push(`operation left: ${key}`);
  for (const { key, value } of [...clusters, ...apps]) {
    if (value.state !== 'Ready') faults.push(`${key} is ${value.state}`);
  }
  for (const { key, value } of clusters) {
    const on = apps.filter((app) => json(app.value.key.cluster_inst_key) === json(value.key));
    if (value.auto && on.length === 0) faults.push(`auto-cluster without AppInsts: ${key}`);
  }
  for (const { key, value } of apps) {
    const there = clusters.some((cluster) => json(cluster.value.key) === json(value.key.cluster_inst_key));
    if (!there) faults.push(`AppInst without its cluster: ${key}`);
  }
  for (const { key, value } of refs) faults.push(...refsFaults(key, value, clusters, apps, flavorRam));
  const counted = await load<{ readonly key: unknown; readonly apps: readonly unknown[] | null }>(
    store,
    'ClusterRefs',
  );
  for (const { key, value } of counted) {
    const on = apps.filter((app) => json(app.value.key.cluster_inst_key) === json(value.key));
    const wanted = on.map((app) => json(app.value.key.app_key)).sort();
    const found = (value.apps ?? []).map(json).sort();
    if (json(wanted) !== json(found))
      faults.push(`${key}: apps ${json(found)}, but there are ${json(wanted)}`);
  }
  const keys = (entries: readonly { readonly key: string }[]) => entries.map(({ key }) => key);
  return { appInsts: keys(apps), clusterInsts: keys(clusters), faults };
}

function refsFaults(
  name: string,
  refs: StoredCloudletRefs,
  clusters: readonly Loaded<StoredClusterInst>[],
  apps: readonly Loaded<StoredAppInst>[],
  flavorRam: number,
): string[] {
  const here = clusters.filter(({ value }) => json(value.key.cloudlet_key) === json(refs.key));
  const ram = here.reduce(
    (sum, { value }) => sum + flavorRam * ((value.num_masters ?? 0) + (value.num_nodes ?? 0)),
    0,
  );
  const names = here.map(({ value }) => value.key.cluster_key.name ?? '').sort();
  const ports: Record<string, number> = {};
  for (const { value } of apps) {
    if (json(value.key.cluster_inst_key.cloudlet_key) !== json(refs.key)) continue;
    for (const { public_port: port = 0 } of value.mapped_ports ?? []) ports[port] = (ports[port] ?? 0) | 1;
  }
  const pairs: [what: string, found: unknown, wanted: unknown][] = [
    ['used_ram', refs.used_ram ?? 0, ram],
    ['clusters', (refs.clusters ?? []).map((c) => c.name ?? '').sort(), names],
    ['root_lb_ports', sorted(refs.root_lb_ports ?? {}), sorted(ports)],
  ];
  return pairs
    .filter(([, found, wanted]) => json(found) !== json(wanted))
    .map(([what, found, wanted]) => `${name}: ${what} is ${json(found)}, but there is ${json(wanted)}`);
}

interface Loaded<T> {
  readonly key: string;
  readonly value: T;
}

async function load<T = unknown>(store: Store, type: string): Promise<Loaded<T>[]> {
  const { entries } = await store.list(`1/${type}/`);
  return entries.map(({ key, value }) => ({
    key: key.slice(`1/${type}/`.length),
    value: JSON.parse(value) as T,
  }));
}

function sorted(record: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(record).sort(([a], [b]) => Number(a) - Number(b));
}

const json = (value: unknown) => JSON.stringify(value);
