import { fail } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { agentErrors } from '../../errors.js';
import { shortHash } from '../../host-names.js';
import type { HostDevice } from '../../site/devices.js';
import { findVmImage } from '../../site/image-files.js';
import type { AppInstRequest, Operation } from '../driver.js';
import { planMicrovm } from '../microvm/microvm-plan.js';
import type { InstancePort } from '../public-ports.js';
import { planContainers } from './container-plan.js';
import { localErrors } from './errors.js';
import type { AppRecord } from './local-record.js';
import type { LocalPlatform, WorkloadKind } from './platform.js';
import { httpPorts, planPorts } from './ports.js';
import type { Site } from './site.js';
import { type PlanSettings, planVm } from './vm-plan.js';

/** Work on one AppInst, ready to be done. */
export interface Work {
  readonly record: Omit<AppRecord, 'keyJson' | 'state'>;
  /** What the load balancer is to serve of it. */
  readonly balanced: readonly InstancePort[];
  /** Room that its image is going to take, bytes. */
  imageRoom(signal: AbortSignal): Promise<number>;
  run(operation: Operation): Promise<void>;
}

/** What a kind of workload adds to it. */
type KindWork = Pick<Work, 'imageRoom' | 'run'> & { readonly name: string; readonly plan: object };

/** @throws EdgeplaneError naming what of the request cannot be */
export async function planWork(request: AppInstRequest, site: Site, platform: LocalPlatform): Promise<Work> {
  const { keyJson, app, appInst } = request;
  const { deployment } = app;
  const type = platform.kinds[deployment];
  if (!type) {
    const known = Object.keys(platform.kinds).join(', ');
    throw fail(localErrors.DEPLOYMENT_UNSUPPORTED, { deployment, platform: platform.name, known });
  }
  const inner = httpPorts(appInst.mappedPorts).map((port) => port.internalPort);
  const { publicAddr, cloudletKeyJson } = site.context;
  const devices = takeDevices(request, site, type, platform);
  const innerPorts = await site.innerPorts.take(keyJson, inner);
  const settings = { publicAddr, cloudletKeyJson, innerPorts, devices };
  const clusterKey = OBJECTS.AppInst.key(appInst)?.clusterInstKey;
  const cluster = OBJECTS.ClusterInst.keyJsonOf({ ...OBJECTS.ClusterInst.empty(), key: clusterKey });
  const { name, plan, imageRoom, run } = await planKind(type, request, cluster, settings, site);
  return {
    record: {
      ...{ type, name, cluster: type === 'vm' ? '' : cluster, plan: shortHash(JSON.stringify(plan)) },
      ...{ inner: [...innerPorts], devices: devices.map((device) => device.name) },
    },
    balanced: planPorts(appInst.mappedPorts, publicAddr, innerPorts).balanced,
    ...{ imageRoom, run },
  };
}

async function planKind(
  type: WorkloadKind,
  request: AppInstRequest,
  cluster: string,
  settings: PlanSettings,
  { context, containers, machines, microvms }: Site,
): Promise<KindWork> {
  switch (type) {
    case 'vm': {
      const plan = planVm(request, await findVmImage(request.app.imagePath, context.imageDir), settings);
      const run = async ({ signal, progress }: Operation) => {
        progress(`starting virtual machine ${plan.id}`);
        signal.throwIfAborted();
        await machines.run(plan);
      };
      // A file is used where it is.
      return { name: plan.id, plan, imageRoom: () => machines.imageRoom(plan.image), run };
    }
    case 'microvm': {
      const plan = planMicrovm(request, settings);
      const imageRoom = (signal: AbortSignal) => containers.imageRoom([plan.image], signal);
      return { name: plan.name, plan, imageRoom, run: (operation) => microvms.run(plan, operation) };
    }
    default: {
      const plan = planContainers(request, cluster, settings);
      const imageRoom = (signal: AbortSignal) => containers.imageRoom(plan.images, signal);
      return { name: plan.name, plan, imageRoom, run: (operation) => containers.run(plan, operation) };
    }
  }
}

/** Device files are for containers; what a machine has of KVM it has anyway. */
function takeDevices(
  { keyJson, app: { deployment }, flavor }: AppInstRequest,
  { devicePool }: Site,
  type: WorkloadKind,
  platform: LocalPlatform,
): readonly HostDevice[] {
  const name = flavor.key?.name ?? '';
  const refused = flavor.devices.find((kind) => type !== 'container' && (type === 'kube' || kind !== 'kvm'));
  if (refused !== undefined)
    throw fail(agentErrors.DEVICE_UNSUPPORTED, {
      ...{ flavor: name, kind: refused, deployment, platform: platform.name },
    });
  return devicePool.take(keyJson, name, flavor.devices);
}
