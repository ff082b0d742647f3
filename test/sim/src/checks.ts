import { isTransient } from '@edgeplane/lifecycle';
import type { ObjectTable } from '@edgeplane/notify';
import { OBJECTS, type ObjectName, type ObjectOf, type ObjectType } from '@edgeplane/objects';
import { CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { AgentHost } from './agent-host.js';
import type { ControllerHost } from './controller-host.js';
import type { DmeHost } from './dme-host.js';
import { refsFaults } from './refs-check.js';
import { Stored } from './stored.js';
import type { World } from './world.js';

/** Types that every controller caches. */
const CACHED = [
  'Flavor',
  'Cloudlet',
  'CloudletInfo',
  'CloudletRefs',
  'App',
  'ClusterInst',
  'ClusterRefs',
  'AppInst',
] as const;

/** Everything that has to hold once there has been calm for long enough; what does not. */
export async function findFaults(world: World): Promise<string[]> {
  const stored = await Stored.read(world.store.data);
  const faults = [...operationFaults(stored), ...refsFaults(stored)];
  for (const host of world.controllers) faults.push(...(await cacheFaults(stored, host)));
  for (const host of world.agents) faults.push(...agentFaults(stored, host));
  for (const host of world.dmes) faults.push(...dmeFaults(stored, host));
  return faults;
}

/** Operations without an end, and instances between two states. */
function operationFaults(stored: Stored): string[] {
  const faults = stored.keys('Operation').map((key) => `operation left: ${key}`);
  for (const name of ['ClusterInst', 'AppInst'] as const) {
    for (const [key, { state }] of stored.objects(
      OBJECTS[name] as ObjectType<{ state: TrackedState }, unknown>,
    ))
      if (isTransient(state)) faults.push(`${name} ${key} stuck in state ${state}`);
  }
  const used = new Set(
    [...stored.objects(OBJECTS.AppInst).values()].map(({ key }) =>
      OBJECTS.ClusterInst.keyJson(key?.clusterInstKey ?? NO_CLUSTER),
    ),
  );
  for (const [key, { auto }] of stored.objects(OBJECTS.ClusterInst))
    if (auto && !used.has(key)) faults.push(`auto-cluster without AppInsts: ${key}`);
  for (const key of used)
    if (!stored.objects(OBJECTS.ClusterInst).has(key)) faults.push(`AppInst without its cluster: ${key}`);
  return faults;
}

const NO_CLUSTER = OBJECTS.ClusterInst.key(OBJECTS.ClusterInst.empty());

async function cacheFaults(stored: Stored, host: ControllerHost): Promise<string[]> {
  if (!host.up) return [`${host.name} is not up`];
  const faults: string[] = [];
  for (const name of CACHED) {
    const type = OBJECTS[name] as unknown as ObjectType<ObjectOf<ObjectName>, unknown>;
    const shown = (await host.show(name, type.empty())) as ObjectOf<ObjectName>[];
    const found = new Map(shown.map((object) => [type.keyJsonOf(object), type.toStored(object)]));
    faults.push(...differences(`${host.name} ${name}`, stored.texts(name), found));
  }
  return faults;
}

/** The agent has what the controllers have for its cloudlet, and the site what the agent was told to make. */
function agentFaults(stored: Stored, host: AgentHost): string[] {
  const { name, key, tables, disk } = host;
  const cloudlet = OBJECTS.Cloudlet.keyJson(key);
  const here = <T, K>(type: ObjectType<T, K>) =>
    new Map([...stored.objects(type)].filter(([, object]) => type.cloudletKeyJson(object) === cloudlet));
  const [clusters, insts] = [here(OBJECTS.ClusterInst), here(OBJECTS.AppInst)];
  const faults = [
    ...differences(`${name} Flavor`, stored.texts('Flavor'), textsOf(tables.flavors)),
    ...differences(
      `${name} Cloudlet`,
      texts(OBJECTS.Cloudlet, here(OBJECTS.Cloudlet)),
      textsOf(tables.cloudlets),
    ),
    ...differences(`${name} ClusterInst`, texts(OBJECTS.ClusterInst, clusters), textsOf(tables.clusterInsts)),
    ...differences(`${name} AppInst`, texts(OBJECTS.AppInst, insts), textsOf(tables.appInsts)),
    ...appFaults(stored, host, insts),
    ...siteFaults(`${name} clusters`, clusters, disk.records('clusters')),
    ...siteFaults(`${name} apps`, insts, disk.records('apps')),
  ];
  const info = stored.objects(OBJECTS.CloudletInfo).get(cloudlet);
  if (info?.state !== CloudletState.CLOUDLET_STATE_READY) faults.push(`${name} is not known to be ready`);
  return faults;
}

/** In version 1 an App comes with its instances, and its end and later changes do not. */
function appFaults(
  stored: Stored,
  { name, tables, notifyVersion }: AgentHost,
  insts: ReadonlyMap<string, ObjectOf<'AppInst'>>,
): string[] {
  const found = textsOf(tables.apps);
  const keys = new Set([...insts.values()].map((inst) => OBJECTS.App.keyJson(inst.key?.appKey ?? NO_APP)));
  const wanted = new Map([...stored.texts('App')].filter(([key]) => keys.has(key)));
  if (notifyVersion > 1) return differences(`${name} App`, wanted, found);
  return [...wanted.keys()].filter((key) => !found.has(key)).map((key) => `${name} App: ${key} is missing`);
}

const NO_APP = OBJECTS.App.key(OBJECTS.App.empty());

function siteFaults(
  what: string,
  wanted: ReadonlyMap<string, { readonly state: TrackedState }>,
  records: readonly { readonly keyJson: string; readonly state: string }[],
): string[] {
  const faults: string[] = [];
  for (const [key, { state }] of wanted) {
    const made = records.some((r) => r.keyJson === key && r.state === 'ready');
    if (state === TrackedState.READY && !made) faults.push(`${what}: ${key} is Ready, but not made`);
  }
  for (const { keyJson, state } of records)
    if (!wanted.has(keyJson)) faults.push(`${what}: ${keyJson} is ${state}, but nobody knows it`);
  return faults;
}

function dmeFaults(stored: Stored, { name, table }: DmeHost): string[] {
  const faults: string[] = [];
  const found = new Map<string, string>();
  for (const entry of table.apps())
    for (const carrier of entry.carriers())
      for (const instance of entry.candidates(carrier)) found.set(instance.name, instance.uri);
  const wanted = new Map([...stored.objects(OBJECTS.AppInst)].map(([key, { uri }]) => [key, uri]));
  faults.push(...differences(`${name} AppInst`, wanted, found));
  const apps = new Map(table.apps().map(({ key }) => [OBJECTS.App.keyJson(key), '']));
  const names = new Map([...stored.texts('App').keys()].map((key) => [key, '']));
  faults.push(...differences(`${name} App`, names, apps));
  return faults;
}

function textsOf<T, K>(table: ObjectTable<T, K>): Map<string, string> {
  return texts(table.type, new Map(table.entries()));
}

function texts<T, K>(type: ObjectType<T, K>, objects: ReadonlyMap<string, T>): Map<string, string> {
  return new Map([...objects].map(([key, object]) => [key, type.toStored(object)]));
}

function differences(
  where: string,
  wanted: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string[] {
  const faults: string[] = [];
  for (const [key, text] of wanted) {
    const other = found.get(key);
    if (other === undefined) faults.push(`${where}: ${key} is missing`);
    else if (other !== text) faults.push(`${where}: ${key} is ${other}, not ${text}`);
  }
  for (const key of found.keys()) if (!wanted.has(key)) faults.push(`${where}: ${key} should not be there`);
  return faults;
}
