import { mkdir } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { hostName } from '../../host-names.js';
import { RecordStore } from '../../records.js';
import { Admission, hostRoom } from '../../site/admission.js';
import { DevicePool } from '../../site/device-pool.js';
import { findDevices, type HostDevice } from '../../site/devices.js';
import { HOST } from '../../site/host-paths.js';
import { readMemory } from '../../site/memory.js';
import type { TroubleAbout } from '../../troubles.js';
import type { DriverContext } from '../driver.js';
import { InnerPortPool } from '../inner-ports.js';
import { Microvms } from '../microvm/microvms.js';
import { type InstancePorts, PublicPorts } from '../public-ports.js';
import { RestartTally } from '../restart-tally.js';
import { ContainerHost } from './containers.js';
import { localErrors } from './errors.js';
import { type AppRecord, type ClusterRecord, toAppRecord, toClusterRecord } from './local-record.js';
import { MachineHost } from './machines.js';

/** What a driver has of its host while it runs. */
export interface Site {
  readonly context: DriverContext;
  readonly stateDir: string;
  readonly containers: ContainerHost;
  readonly machines: MachineHost;
  readonly microvms: Microvms;
  readonly publicPorts: InstancePorts;
  readonly innerPorts: InnerPortPool;
  readonly devices: readonly HostDevice[];
  readonly devicePool: DevicePool;
  readonly admission: Admission;
  readonly restarts: RestartTally;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly apps: RecordStore<AppRecord>;
}

/** Opens the engines, reads the records, looks at the host. @throws when this can never work here */
export async function openSite(context: DriverContext, signal: AbortSignal): Promise<Site> {
  const {
    stateDir,
    publicAddr: value,
    logger,
    clock,
    random,
    imageDir,
    registryAuth,
    cloudletKey,
    cloudletKeyJson,
  } = context;
  if (stateDir === undefined) throw new RangeError('the local driver needs a state directory');
  if (!isIPv4(value)) throw fail(localErrors.BAD_PUBLIC_ADDR, { value });
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const clusters = new RecordStore<ClusterRecord>(join(stateDir, 'clusters'));
  const apps = new RecordStore<AppRecord>(join(stateDir, 'apps'));
  await clusters.load(toClusterRecord);
  await apps.load(toAppRecord);
  const readable = [cloudletKey.operatorKey?.name ?? '', cloudletKey.name];
  // With the folder, as two agents of one cloudlet may share a host while one replaces the other.
  const owner = hostName(readable, `${cloudletKeyJson} ${stateDir}`);
  const report = (about: TroubleAbout) => (name: string, trouble: string | undefined) => {
    const record = apps.values().find((app) => app.name === name);
    if (record) context.troubles.set(record.keyJson, about, trouble);
  };
  const restarts = new RestartTally({ clock, report: report('restarts') });
  const ended = (name: string, how: string) => restarts.ended(name, how);
  const machines = new MachineHost({
    ...{ ended, stateDir: join(stateDir, 'qemu'), logger, clock, random },
    onTrouble: report('room'),
  });
  const opened: { stop(workloads: 'keep'): Promise<void> }[] = [machines];
  try {
    await machines.init();
    const podman = {
      owner,
      stateDir: join(stateDir, 'podman'),
      imageDir,
      registryAuth,
      ...{ ended, logger, clock, random },
    };
    const containers = await ContainerHost.open(podman, signal);
    opened.push(containers);
    const microvms = new Microvms({ rootDir: join(stateDir, 'roots'), imageDir, containers, machines });
    await microvms.init();
    const balancer = { stateDir: join(stateDir, 'nginx'), http: context.http, logger, clock, random };
    const publicPorts = context.publicPorts ?? (await PublicPorts.open(balancer));
    opened.push(publicPorts);
    const devices = await findDevices(HOST, await readMemory(HOST), await machines.kvm());
    const innerPorts = new InnerPortPool();
    const devicePool = new DevicePool(devices);
    for (const { keyJson, inner, devices: names } of apps.values()) {
      innerPorts.adopt(keyJson, new Map(inner));
      devicePool.adopt(keyJson, names);
    }
    return {
      ...{ context, stateDir, containers, machines, microvms, publicPorts, innerPorts, devices, devicePool },
      ...{ restarts, admission: new Admission(hostRoom(stateDir, HOST)), clusters, apps },
    };
  } catch (error) {
    // What was begun ends with us; workloads of an earlier run go on.
    for (const part of opened.reverse()) await part.stop('keep').catch(() => undefined);
    throw error;
  }
}
