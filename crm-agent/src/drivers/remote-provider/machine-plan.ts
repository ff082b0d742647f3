import { fail } from '@edgeplane/base';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';
import { stringify } from 'yaml';
import { hostName, shortHash } from '../../host-names.js';
import type { AppInstRequest } from '../driver.js';
import { sizeOf } from '../local/vm-plan.js';
import { remoteErrors } from '../remote/errors.js';
import { forwardKey, wantedPorts } from '../remote/reach.js';

/** One machine at a provider. Plain JSON. */
export interface MachinePlan {
  /** Unique at the provider: the API has no tenants. */
  readonly name: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Of the root disk; 0: the image's own. */
  readonly diskGib: number;
  /** A URL, an absolute path at the provider, or the name of a template. */
  readonly image: string;
  /** Never empty: one provider gives a machine without any a way in that is publicly known. */
  readonly userData: string;
  readonly metaData: string;
  readonly networks: readonly { readonly network: string; readonly bridge: string }[];
  readonly extraConfig: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
}

/** How machines are made at one provider. */
export interface PlanSettings {
  readonly platform: string;
  /** Begins every name. */
  readonly prefix: string;
  readonly cloudletKeyJson: string;
  /** Name of a network of the provider; empty: whatever it takes by itself. */
  readonly network: string;
  /** Bridge of the provider's host; empty: none. */
  readonly bridge: string;
  /** Image of cluster nodes. */
  readonly nodeImage: string;
}

/** Asks a provider that gives machines no addresses of their own for ports that lead to them; others do not know it. */
export const FORWARDS = 'edgeplane.forwards';
const NO_USER_DATA = '#cloud-config\n';

/** The machine of a vm AppInst. @throws EdgeplaneError naming what of the App or flavor cannot be */
export function planVm(request: AppInstRequest, settings: PlanSettings): MachinePlan {
  const { app, appInst, flavor, keyJson } = request;
  const { deployment } = app;
  const { platform } = settings;
  if (deployment !== 'vm')
    throw fail(remoteErrors.DEPLOYMENT_UNSUPPORTED, { deployment, platform, known: 'vm' });
  if (flavor.devices.length > 0)
    throw fail(remoteErrors.DEVICES_UNSUPPORTED, {
      ...{ flavor: flavor.key?.name ?? '', platform, devices: flavor.devices.join(', ') },
    });
  const name = settings.prefix + hostName([app.key?.name ?? ''], keyJson);
  const ports = [...new Set(wantedPorts(appInst.mappedPorts).map(forwardKey))];
  const userData = app.deploymentManifest || commandUserData(app.command);
  return {
    ...machine(name, keyJson, flavor, settings),
    image: app.imagePath,
    userData: userData || NO_USER_DATA,
    extraConfig: ports.length === 0 ? {} : { [FORWARDS]: ports.join(',') },
    tags: tagsOf('appInst', keyJson, settings),
  };
}

/** One node of a ClusterInst. @param node its host name, such as `node-2` */
export function planNode(
  { keyJson, clusterInst, flavor }: { keyJson: string; clusterInst: ClusterInst; flavor: Flavor },
  node: string,
  settings: PlanSettings,
): MachinePlan {
  const cluster = clusterInst.key?.clusterKey?.name ?? '';
  const name = settings.prefix + hostName([cluster, node], `${keyJson} ${node}`);
  return {
    ...machine(name, `${keyJson} ${node}`, flavor, settings),
    image: settings.nodeImage,
    userData: NO_USER_DATA,
    extraConfig: {},
    tags: tagsOf('clusterInst', keyJson, settings),
  };
}

/** Whether one machine can become the other by being given another size. */
export function sameButSize(a: MachinePlan, b: MachinePlan): boolean {
  const { cpus, memoryMib } = a;
  return JSON.stringify({ ...b, cpus, memoryMib }) === JSON.stringify({ ...a, cpus, memoryMib });
}

export const sameSize = (a: MachinePlan, b: MachinePlan): boolean =>
  a.cpus === b.cpus && a.memoryMib === b.memoryMib;

function machine(name: string, key: string, flavor: Flavor, { network, bridge }: PlanSettings) {
  return {
    name,
    cpus: sizeOf(flavor, 'vcpus'),
    memoryMib: sizeOf(flavor, 'ram'),
    diskGib: Number(flavor.disk),
    metaData: stringify({ 'instance-id': `ep-${shortHash(key)}`, 'local-hostname': name }),
    networks: network === '' && bridge === '' ? [] : [{ network, bridge }],
  };
}

function tagsOf(what: string, keyJson: string, { cloudletKeyJson }: PlanSettings): readonly string[] {
  return [`edgeplane.cloudlet=${shortHash(cloudletKeyJson)}`, `edgeplane.${what}=${shortHash(keyJson)}`];
}

function commandUserData(command: string): string {
  return command === '' ? '' : `${NO_USER_DATA}${stringify({ runcmd: [command] })}`;
}
