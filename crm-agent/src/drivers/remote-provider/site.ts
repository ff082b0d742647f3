import { mkdir } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { ProviderClient } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { RecordStore } from '../../records.js';
import type { DriverContext } from '../driver.js';
import { localErrors } from '../local/errors.js';
import { type InstancePorts, PublicPorts } from '../public-ports.js';
import { type AppRecord, toAppRecord } from '../remote/app-record.js';
import { bearer, openEndpoint } from '../remote/endpoint.js';
import { ownerPrefix } from '../remote/owner.js';
import type { RemoteTiming } from '../remote/timing.js';
import type { PlanSettings } from './machine-plan.js';
import { RemoteMachines } from './machines.js';
import { Provider } from './provider.js';
import { type ClusterRecord, type MachineRecord, toClusterRecord, toMachineRecord } from './records.js';
import type { RemoteProviderSettings } from './settings.js';

/** What the driver has while it runs. */
export interface Site {
  readonly context: DriverContext;
  readonly provider: Provider;
  readonly plan: PlanSettings;
  readonly machines: RemoteMachines;
  readonly publicPorts: InstancePorts;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly apps: RecordStore<AppRecord>;
  readonly records: RecordStore<MachineRecord>;
}

/** Reads the records and opens the client and the load balancer. The provider need not answer. */
export async function openSite(
  platform: string,
  context: DriverContext,
  settings: RemoteProviderSettings,
  timing: RemoteTiming,
): Promise<Site> {
  const { stateDir, publicAddr: value, disk, http, logger, clock, random, cloudletKeyJson } = context;
  if (stateDir === undefined) throw new RangeError(`the ${platform} driver needs a state directory`);
  if (!isIPv4(value)) throw fail(localErrors.BAD_PUBLIC_ADDR, { value });
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const clusters = new RecordStore<ClusterRecord>(join(stateDir, 'clusters'), disk);
  const apps = new RecordStore<AppRecord>(join(stateDir, 'apps'), disk);
  const records = new RecordStore<MachineRecord>(join(stateDir, 'machines'), disk);
  await clusters.load(toClusterRecord);
  await apps.load(toAppRecord);
  await records.load(toMachineRecord);
  const prefix = await ownerPrefix(stateDir, cloudletKeyJson, { disk, random });
  const { endpoint, network, bridge, nodeImage } = settings;
  const provider = new Provider(endpoint.address, await openEndpoint(ProviderClient, endpoint, bearer));
  const balancer = { stateDir: join(stateDir, 'nginx'), http, logger, clock, random };
  const publicPorts = context.publicPorts ?? (await PublicPorts.open(balancer));
  return {
    ...{ context, provider, publicPorts, clusters, apps, records },
    plan: { platform, prefix, cloudletKeyJson, network, bridge, nodeImage },
    machines: new RemoteMachines({ provider, records, clock, random, logger, timing }),
  };
}
