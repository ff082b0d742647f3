import { fail } from '@edgeplane/base';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';
import { stringify } from 'yaml';
import type { VmSpec } from '../../engines/qemu/index.js';
import { hostName, shortHash } from '../../host-names.js';
import type { HostDevice } from '../../site/devices.js';
import type { AppInstRequest } from '../driver.js';
import type { InnerPorts } from '../inner-ports.js';
import { localErrors } from './errors.js';
import { planPorts } from './ports.js';

export interface PlanSettings {
  readonly publicAddr: string;
  /** Key JSON of the agent's cloudlet; labels everything made for it. */
  readonly cloudletKeyJson: string;
  readonly innerPorts: InnerPorts;
  /** What of the host the workload may open. */
  readonly devices: readonly HostDevice[];
}

/**
 * The machine of a vm AppInst. `image` is a path or URL. The flavor gives CPUs, memory (MB) and disk (GB); an App
 * without a manifest may give a command, which then runs at first boot.
 */
export function planVm(request: AppInstRequest, image: string, settings: PlanSettings): VmSpec {
  const { app, appInst, flavor, keyJson } = request;
  const id = hostName([app.key?.name ?? ''], keyJson);
  const userData = app.deploymentManifest || commandUserData(app.command);
  return {
    id,
    cpus: sizeOf(flavor, 'vcpus'),
    memoryMib: sizeOf(flavor, 'ram'),
    image,
    display: 'vnc',
    ...(flavor.disk > 0n ? { diskMib: Number(flavor.disk) * 1024 } : {}),
    nics: [
      {
        type: 'user',
        forwards: planPorts(appInst.mappedPorts, settings.publicAddr, settings.innerPorts).published,
      },
    ],
    cloudInit: {
      instanceId: `ep-${shortHash(keyJson)}`,
      hostname: id,
      ...(userData === '' ? {} : { userData }),
    },
    labels: { cloudlet: settings.cloudletKeyJson, appInst: keyJson },
  };
}

/** A figure of a flavor that a machine cannot do without. @throws NO_FLAVOR */
export function sizeOf(flavor: Flavor, what: 'vcpus' | 'ram' | 'disk'): number {
  const number = Number(flavor[what]);
  if (number > 0) return number;
  throw fail(localErrors.NO_FLAVOR, { name: flavor.key?.name ?? '', what });
}

function commandUserData(command: string): string {
  return command === '' ? '' : `#cloud-config\n${stringify({ runcmd: [command] })}`;
}
