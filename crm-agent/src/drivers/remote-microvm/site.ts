import { mkdir } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { MicroVMClient as Client2021 } from '@edgeplane/proto/southbound/flintlock-2021/services/microvm/v1alpha1/microvms.js';
import { MicroVMClient } from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import { RecordStore } from '../../records.js';
import type { DriverContext } from '../driver.js';
import { localErrors } from '../local/errors.js';
import { type InstancePorts, PublicPorts } from '../public-ports.js';
import { type AppRecord, toAppRecord } from '../remote/app-record.js';
import { basic, openEndpoint } from '../remote/endpoint.js';
import { ownerPrefix } from '../remote/owner.js';
import type { RemoteTiming } from '../remote/timing.js';
import { CurrentHost } from './current-host.js';
import type { MicrovmHost } from './host.js';
import { Host2021 } from './host-2021.js';
import { type HostSettings, readHostsFile } from './hosts-file.js';
import { RemoteMicrovms } from './microvms.js';
import { type ClusterRecord, type MicrovmRecord, toClusterRecord, toMicrovmRecord } from './records.js';

/** What the driver has while it runs. */
export interface Site {
  readonly context: DriverContext;
  readonly hosts: readonly MicrovmHost[];
  readonly machines: RemoteMicrovms;
  readonly publicPorts: InstancePorts;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly apps: RecordStore<AppRecord>;
  readonly records: RecordStore<MicrovmRecord>;
}

/** Reads the list of hosts and the records, and opens clients and the load balancer. No host need answer. */
export async function openSite(
  context: DriverContext,
  hostsFile: string,
  timing: RemoteTiming,
): Promise<Site> {
  const { stateDir, publicAddr: value, disk, http, logger, clock, random, cloudletKeyJson } = context;
  if (stateDir === undefined) throw new RangeError('the remote-microvm driver needs a state directory');
  if (!isIPv4(value)) throw fail(localErrors.BAD_PUBLIC_ADDR, { value });
  const { hosts: settings, ...boot } = await readHostsFile(hostsFile);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const clusters = new RecordStore<ClusterRecord>(join(stateDir, 'clusters'), disk);
  const apps = new RecordStore<AppRecord>(join(stateDir, 'apps'), disk);
  const records = new RecordStore<MicrovmRecord>(join(stateDir, 'machines'), disk);
  await clusters.load(toClusterRecord);
  await apps.load(toAppRecord);
  await records.load(toMicrovmRecord);
  const namespace = (await ownerPrefix(stateDir, cloudletKeyJson, { disk, random })).replace(/-$/, '');
  const hosts = await Promise.all(settings.map((host) => openHost(host, namespace)));
  const balancer = { stateDir: join(stateDir, 'nginx'), http, logger, clock, random };
  const publicPorts = context.publicPorts ?? (await PublicPorts.open(balancer));
  const byAddress = new Map(hosts.map((host) => [host.address, host]));
  const machines = new RemoteMicrovms({ hosts: byAddress, boot, records, clock, random, logger, timing });
  return { context, hosts, machines, publicPorts, clusters, apps, records };
}

async function openHost(settings: HostSettings, namespace: string): Promise<MicrovmHost> {
  const { endpoint, dialect } = settings;
  return dialect === '2021'
    ? new Host2021(settings, namespace, await openEndpoint(Client2021, endpoint, basic))
    : new CurrentHost(settings, namespace, await openEndpoint(MicroVMClient, endpoint, basic));
}
