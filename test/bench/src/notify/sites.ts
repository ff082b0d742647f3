import { join } from 'node:path';
import { OBJECTS, type ObjectName, type ObjectOf } from '@edgeplane/objects';
import { openStore } from '@edgeplane/store';
import { freePort, type Running, startController, tempDir } from '@edgeplane/test-harness';
import { machineTime } from './child.js';
import { cloudletKey } from './frames.js';
import { appKey, flavor, instance } from './objects.js';

/** Rows per transaction. */
const BATCH = 100;

/** What a controller has at its start. */
export interface Stored {
  /** Cloudlets `site-0`, `site-1` and so on. */
  readonly sites: number;
  /** AppInsts on each; with the App of each 20 of them. */
  readonly instancesPerSite: number;
  /** Flavors, which every agent gets. */
  readonly flavors: number;
}

export interface Sites {
  readonly api: string;
  readonly notify: string;
  readonly pid: number;
  /** Kills the controller without warning, and starts another in its place; when it was launched, and was ready. */
  restart(): Promise<{ readonly launched: number; readonly ready: number }>;
}

type Row = readonly [key: string, value: string];

function row<N extends ObjectName>(name: N, object: ObjectOf<N>): Row {
  const type = OBJECTS[name] as unknown as {
    keyJsonOf(o: ObjectOf<N>): string;
    toStored(o: ObjectOf<N>): string;
  };
  return [`1/${name}/${type.keyJsonOf(object)}`, type.toStored(object)];
}

function* rows({ sites, instancesPerSite, flavors }: Stored): Generator<Row> {
  for (let i = 0; i < flavors; i++) yield row('Flavor', flavor(`flavor-${i}`, 1024));
  for (let site = 0; site < sites; site++) {
    const cloudlet = { ...OBJECTS.Cloudlet.withKey(cloudletKey(`site-${site}`)), numDynamicIps: 5 };
    yield row('Cloudlet', cloudlet);
  }
  const apps = new Set<string>();
  for (let i = 0; i < sites * instancesPerSite; i++) {
    const app = { ...OBJECTS.App.withKey(appKey(i)), imageType: 1 as const, accessPorts: 'tcp:8080' };
    const entry = row('App', app);
    if (!apps.has(entry[0])) yield entry;
    apps.add(entry[0]);
    yield row('AppInst', instance(i, Math.floor(i / instancesPerSite)));
  }
}

async function fill(url: string, stored: Stored): Promise<void> {
  const store = await openStore(url);
  try {
    let ops: { type: 'put'; key: string; value: string }[] = [];
    for (const [key, value] of rows(stored)) {
      ops.push({ type: 'put', key, value });
      if (ops.length < BATCH) continue;
      await store.txn({ ops });
      ops = [];
    }
    if (ops.length > 0) await store.txn({ ops });
  } finally {
    await store.close();
  }
}

/** Runs `work` with a controller of version 2 on an embedded store. */
export async function withSites<T>(stored: Stored, work: (sites: Sites) => Promise<T>): Promise<T> {
  const dir = tempDir('bench');
  const url = `lmdb:${join(dir.path, 'store')}`;
  await fill(url, stored);
  const notifyAddr = `127.0.0.1:${await freePort()}`;
  const start = () => startController(dir.path, url, ['--notifyAddr', notifyAddr, '--notify-version', '2']);
  let controller: Running = await start();
  try {
    return await work({
      get api() {
        return controller.addresses['api'] ?? '';
      },
      notify: notifyAddr,
      get pid() {
        return controller.pid;
      },
      async restart() {
        controller.kill('SIGKILL');
        await controller.exited;
        const launched = machineTime();
        controller = await start();
        return { launched, ready: machineTime() };
      },
    });
  } finally {
    await controller.stop(30_000);
    dir.remove();
  }
}
