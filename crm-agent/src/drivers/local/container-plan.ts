import { fail } from '@edgeplane/base';
import type { PortMapping, WorkloadLimits } from '../../engines/podman/index.js';
import { hostName } from '../../host-names.js';
import type { AppInstRequest } from '../driver.js';
import { commandWords } from './command-words.js';
import { readEnvVars } from './env-vars.js';
import { localErrors } from './errors.js';
import { changeManifest, manifestImages } from './manifest.js';
import { planPorts } from './ports.js';
import type { PlanSettings } from './vm-plan.js';

interface ContainerBase {
  readonly name: string;
  /** Name of the ClusterInst's network. */
  readonly network: string;
  readonly ports: readonly PortMapping[];
  readonly limits: WorkloadLimits;
  readonly labels: Readonly<Record<string, string>>;
  /** As the App names them; not yet looked for. */
  readonly images: readonly string[];
}

/** What a docker or kubernetes AppInst is to be. Plain data. */
export type ContainerPlan =
  | (ContainerBase & {
      readonly type: 'container';
      readonly command: readonly string[];
      readonly devices: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    })
  | (ContainerBase & { readonly type: 'kube'; readonly yaml: string });

/** Name of the network of a ClusterInst. */
export function networkName(clusterName: string, clusterKeyJson: string): string {
  return hostName([clusterName], clusterKeyJson);
}

/**
 * The containers of an AppInst of deployment `docker` or `kubernetes`. The flavor bounds memory (MB) and CPUs; the
 * environment of the App's configs goes into every container, and their Kubernetes manifests are added to the App's.
 * @throws EdgeplaneError naming what of the App or flavor cannot be.
 */
export function planContainers(
  request: AppInstRequest,
  clusterKeyJson: string,
  settings: PlanSettings,
): ContainerPlan {
  const { app, appInst, flavor, keyJson } = request;
  if (flavor.ram === 0n || flavor.vcpus === 0n)
    throw fail(localErrors.NO_FLAVOR, {
      name: flavor.key?.name ?? '',
      what: flavor.ram === 0n ? 'ram' : 'vcpus',
    });
  const { published } = planPorts(appInst.mappedPorts, settings.publicAddr, settings.innerPorts);
  const base = {
    name: hostName([app.key?.name ?? ''], keyJson),
    network: networkName(appInst.key?.clusterInstKey?.clusterKey?.name ?? '', clusterKeyJson),
    ports: published.map(({ proto, hostAddr: hostIp, hostPort, guestPort: containerPort }) => ({
      ...{ proto, hostIp, hostPort, containerPort },
    })),
    limits: { memoryMB: Number(flavor.ram), vcpus: Number(flavor.vcpus) },
    labels: { cloudlet: settings.cloudletKeyJson, appInst: keyJson },
  };
  const env = readEnvVars(app.configs);
  if (app.deployment === 'kubernetes') {
    const more = app.configs.filter(({ kind }) => kind === 'k8s-manifest').map(({ config }) => config);
    const changed = [app.deploymentManifest, ...more].map((text) =>
      changeManifest(text, { env, images: new Map() }),
    );
    const yaml = changed.filter((text) => text !== '').join('---\n');
    return { ...base, type: 'kube', yaml, images: manifestImages(yaml) };
  }
  const values = env.map(({ name, value, valueFrom }) => {
    if (valueFrom === undefined) return [name, value ?? ''] as const;
    const rule = `${name} must have a plain value for deployment docker`;
    throw fail(localErrors.BAD_ENV_VARS, { rule, value: JSON.stringify(valueFrom) });
  });
  const command = commandWords(app.command);
  return {
    ...base,
    type: 'container',
    images: [app.imagePath],
    command,
    devices: [...new Set(settings.devices.flatMap((device) => device.nodes))],
    env: Object.fromEntries(values),
  };
}
