import { readFileSync } from 'node:fs';
import { seededRandom, silentLogger, systemClock } from '@edgeplane/base';
import { type JsonValue, parseJson } from '@edgeplane/objects';
import type { Op, Store, TxnRequest, TxnResult } from '@edgeplane/store';
import type { StoredEntry } from './upgrade.js';
import { type UpgradeOptions, upgradeStoredData } from './upgrade-stored-data.js';
import { versionChain } from './versions.js';

/** Entries of a file of lines that are key and value by turns, as etcdctl prints them (controller spec section 19.5). */
export function readEntries(upgrade: string, side: 'pre' | 'post'): StoredEntry[] {
  const url = new URL(`./test-data/${upgrade}_${side}.etcd`, import.meta.url);
  const lines = readFileSync(url, 'utf8').split('\n');
  const entries: StoredEntry[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    entries.push({ key: lines[i] ?? '', value: lines[i + 1] ?? '' });
  }
  return entries;
}

/** Writes entries and, last, the version that they are of. */
export async function load(store: Store, entries: readonly StoredEntry[], version: string): Promise<void> {
  const puts = [...entries, { key: '1/Version', value: version }].map(
    ({ key, value }): Op => ({ type: 'put', key, value }),
  );
  for (let i = 0; i < puts.length; i += 100) await store.txn({ ops: puts.slice(i, i + 100) });
}

/** Everything in the store; values are parsed where they are JSON. */
export async function dump(store: Store): Promise<Record<string, JsonValue>> {
  const { entries } = await store.list('');
  return comparable(entries);
}

/** Entries by key, as two sides are compared. */
export function comparable(entries: readonly StoredEntry[]): Record<string, JsonValue> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, parsed(value)]));
}

function parsed(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Runs the upgrades of region 1. */
export function upgrade(store: Store, changes: Partial<UpgradeOptions> = {}): Promise<void> {
  return upgradeStoredData({
    store,
    region: 1,
    chain: versionChain(),
    force: false,
    logger: silentLogger,
    clock: systemClock,
    random: seededRandom(1),
    signal: new AbortController().signal,
    ...changes,
  });
}

/** What a process sees that dies: its store answers no more. */
export class Died extends Error {
  override readonly name = 'Died';
}

/**
 * A store whose user dies around its `transactions`th transaction, before it is written or after. All other calls are
 * those of `store`.
 */
export function dyingStore(store: Store, transactions: number, written: boolean): Store {
  let left = transactions;
  const txn = async (request: TxnRequest): Promise<TxnResult> => {
    left--;
    if (left > 0) return store.txn(request);
    if (written && left === 0) await store.txn(request);
    throw new Died();
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'txn') return txn;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Old data of versions 0 to 4: `count` AppInsts of the oldest form, ClusterInsts without deployment, and others. */
export function oldData(count: number): StoredEntry[] {
  const entries: StoredEntry[] = [];
  for (let i = 0; i < count; i++) {
    const cloudlet = { operator_key: { name: 'op' }, name: `site${i % 7}` };
    const app = { developer_key: { name: 'dev' }, name: `app${i}`, version: '1.0' };
    const key = { app_key: app, cloudlet_key: cloudlet, id: 1 };
    const cluster = { cluster_key: { name: `c${i}` }, cloudlet_key: cloudlet };
    const ports = [{ proto: 'LProtoTCP', internal_port: 80, FQDN_prefix: `app${i}-tcp.` }];
    const inst = { key, cluster_inst_key: cluster, state: 5, mapped_ports: ports, uri: `${i}.example` };
    const clusterInst = { key: cluster, flavor: { name: 'f' }, state: 'Ready' };
    entries.push({ key: `1/AppInst/${JSON.stringify(key)}`, value: JSON.stringify(inst) });
    if (i % 3 === 0) {
      entries.push({ key: `1/ClusterInst/${JSON.stringify(cluster)}`, value: JSON.stringify(clusterInst) });
    }
  }
  entries.push({ key: '1/Operator/{"name":"op"}', value: '{"key":{"name":"op"}}' });
  entries.push({ key: '2/AppInst/{"app_key":{}}', value: 'another region' });
  return entries;
}

/** What {@link oldData} is after all upgrades. */
export function upgradedData(
  count: number,
  version = versionChain().current.hash,
): Record<string, JsonValue> {
  const out: Record<string, JsonValue> = {
    '1/Operator/{"name":"op"}': { key: { name: 'op' } },
    '2/AppInst/{"app_key":{}}': 'another region',
    '1/Version': version,
  };
  for (let i = 0; i < count; i++) {
    const cloudlet = { operator_key: { name: 'op' }, name: `site${i % 7}` };
    const app = { developer_key: { name: 'dev' }, name: `app${i}`, version: '1.0' };
    const cluster = { cluster_key: { name: `c${i}` }, cloudlet_key: cloudlet };
    const key = { app_key: app, cluster_inst_key: cluster };
    out[`1/AppInst/${JSON.stringify(key)}`] = {
      key,
      cloudlet_loc: {},
      uri: `${i}.example`,
      mapped_ports: [{ proto: 'LProtoTcp', internal_port: 80, fqdn_prefix: `app${i}-tcp.` }],
      flavor: {},
      state: 'Ready',
      runtime_info: {},
      created_at: {},
    };
    if (i % 3 === 0) {
      const value = { key: cluster, flavor: { name: 'f' }, state: 'Ready', deployment: 'kubernetes' };
      out[`1/ClusterInst/${JSON.stringify(cluster)}`] = value;
    }
  }
  return out;
}
