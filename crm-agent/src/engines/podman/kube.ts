import { writeKubernetesYaml } from '../../kubernetes-yaml.js';
import { parseQuantity, spreadBudget } from './budget.js';
import { publishPorts } from './kube-ports.js';
import { namesForVolumes, renameConfig, renameVolumes, secretAsConfigMap } from './kube-volumes.js';
import { badManifest, child, type Node, nodeAt, nodesAt, readManifest, textAt } from './manifest.js';
import { type KubeSpec, LABEL, specHash } from './spec.js';

/** A manifest made fit for `podman play kube`. */
export interface KubePlan {
  readonly yaml: string;
  readonly hash: string;
  readonly pods: readonly { readonly name: string; readonly containers: readonly string[] }[];
  /** Named volumes the pods use; made before, so that they carry our labels. */
  readonly volumes: readonly string[];
  readonly images: readonly string[];
  /** What of the manifest has no effect here, in words for the user. */
  readonly warnings: readonly string[];
}

export interface KubeContext {
  readonly owner: string;
  /** False where the kernel refuses limits. */
  readonly limits: boolean;
}

const TEMPLATED = new Set(['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet']);

/**
 * Rewrites a manifest so that several can live in one podman and none takes more than it was given. Pure.
 *
 * - Deployments and their like become one Pod each: there is no balancer that a second replica could stand behind.
 *   `replicas: 0` makes none.
 * - Pods, volumes, ConfigMaps and claims get names that begin with the workload's: podman keeps all of these in one
 *   namespace. Secrets become ConfigMaps, as podman 4.3 plays no Secrets; its storage is readable by root only.
 * - Host ports are those of the spec; what the manifest asks for itself is removed. See kube-ports.ts.
 * - Limits are the flavor, spread by {@link spreadBudget}; init containers run alone and get all of it.
 */
export function planKube(spec: KubeSpec, context: KubeContext): KubePlan {
  const objects = readManifest(spec.name, spec.yaml);
  const warnings: string[] = [];
  const pods = objects.flatMap((object) => podsOf(spec.name, object, warnings));
  if (pods.length === 0) {
    throw badManifest(
      spec.name,
      'must hold a Pod, Deployment, StatefulSet, DaemonSet or ReplicaSet',
      kindsOf(objects),
    );
  }
  const configs = objects
    .filter((o) => o['kind'] === 'ConfigMap' || o['kind'] === 'Secret')
    .map((o) => (o['kind'] === 'Secret' ? secretAsConfigMap(spec.name, o) : o));
  for (const config of configs) renameConfig(spec.name, config);
  publishPorts(
    spec,
    pods,
    objects.filter((o) => o['kind'] === 'Service'),
  );
  for (const pod of pods) renameVolumes(spec.name, pod);
  limitPods(spec, pods);
  if (!context.limits) for (const container of allContainers(pods)) delete container['resources'];
  const images = allContainers(pods).map((container) => imageOf(spec.name, container));
  const hash = specHash({ spec });
  for (const pod of pods) labelPod(spec, context, pod, hash);
  const text = [...configs, ...pods].map((object) => writeKubernetesYaml(object)).join('---\n');
  return {
    yaml: text,
    hash,
    pods: pods.map((pod) => ({
      name: podName(pod),
      containers: containersOf(pod).map((c) => `${podName(pod)}-${textAt(c, 'name') ?? ''}`),
    })),
    volumes: namesForVolumes(pods),
    images: [...new Set(images)],
    warnings,
  };
}

const kindsOf = (objects: readonly Node[]): string =>
  objects.map((o) => String(o['kind'])).join(', ') || 'nothing';
const podName = (pod: Node): string => textAt(nodeAt(pod, 'metadata'), 'name') ?? '';
const containersOf = (pod: Node): Node[] => nodesAt(nodeAt(pod, 'spec'), 'containers');
const initContainersOf = (pod: Node): Node[] => nodesAt(nodeAt(pod, 'spec'), 'initContainers');
const allContainers = (pods: readonly Node[]): Node[] =>
  pods.flatMap((pod) => [...containersOf(pod), ...initContainersOf(pod)]);

const IGNORED = new Set(['Service', 'ConfigMap', 'Secret', 'PersistentVolumeClaim', 'Namespace']);

function podsOf(workload: string, object: Node, warnings: string[]): Node[] {
  const kind = String(object['kind']);
  const name = textAt(nodeAt(object, 'metadata'), 'name');
  const own = nodeAt(object, 'spec');
  if (kind !== 'Pod' && !TEMPLATED.has(kind)) {
    if (!IGNORED.has(kind)) warnings.push(`${kind} "${name ?? ''}" has no effect here`);
    return [];
  }
  if (name === undefined || name === '')
    throw badManifest(workload, `metadata.name of each ${kind} must be set`, '');
  const source = kind === 'Pod' ? object : nodeAt(own, 'template');
  const spec = nodeAt(source, 'spec');
  if (!source || !spec || nodesAt(spec, 'containers').length === 0) {
    throw badManifest(workload, `${kind} must have at least one container`, name);
  }
  if (kind !== 'Pod') {
    const replicas = own?.['replicas'] ?? 1;
    if (replicas === 0) return [];
    if (replicas !== 1) warnings.push(`${kind} "${name}" runs one replica of ${String(replicas)}`);
  }
  const labels = nodeAt(nodeAt(source, 'metadata'), 'labels') ?? {};
  for (const template of kind === 'StatefulSet' ? nodesAt(own, 'volumeClaimTemplates') : []) {
    const claim = textAt(nodeAt(template, 'metadata'), 'name');
    const volumes = Array.isArray(spec['volumes']) ? spec['volumes'] : [];
    spec['volumes'] = [...volumes, { name: claim, persistentVolumeClaim: { claimName: claim } }];
  }
  spec['restartPolicy'] = 'Always';
  // A workload on the host's network would step around published ports and the other workloads' separation.
  delete spec['hostNetwork'];
  return [
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: `${workload}-${name}`, labels: { ...labels } }, spec },
  ];
}

function labelPod(spec: KubeSpec, context: KubeContext, pod: Node, hash: string): void {
  Object.assign(child(child(pod, 'metadata'), 'labels'), spec.labels, {
    [LABEL.owner]: context.owner,
    [LABEL.name]: spec.name,
    [LABEL.kind]: 'kube',
    [LABEL.hash]: hash,
  });
}

function imageOf(workload: string, container: Node): string {
  const image = textAt(container, 'image');
  if (image === undefined || image === '') {
    throw badManifest(workload, 'each container must name an image', textAt(container, 'name') ?? '');
  }
  // The engine has seen to the images by then; a pull in the middle of playing could only fail later and less clearly.
  container['imagePullPolicy'] = 'Never';
  return image;
}

function limitPods(spec: KubeSpec, pods: readonly Node[]): void {
  const main = pods.flatMap(containersOf);
  const memory = spec.limits.memoryMB * 1024 * 1024;
  const want = (container: Node, what: string) => {
    const resources = nodeAt(container, 'resources');
    return (
      parseQuantity(nodeAt(resources, 'limits')?.[what]) ??
      parseQuantity(nodeAt(resources, 'requests')?.[what])
    );
  };
  const memories = spreadBudget(
    memory,
    main.map((c) => want(c, 'memory')),
  );
  const cpus = spreadBudget(
    spec.limits.vcpus,
    main.map((c) => want(c, 'cpu')),
  );
  main.forEach((container, i) => {
    setLimits(container, memories[i] ?? memory, cpus[i] ?? spec.limits.vcpus);
  });
  for (const container of pods.flatMap(initContainersOf)) setLimits(container, memory, spec.limits.vcpus);
}

function setLimits(container: Node, memoryBytes: number, vcpus: number): void {
  container['resources'] = {
    limits: { memory: String(Math.floor(memoryBytes)), cpu: `${Math.max(10, Math.floor(vcpus * 1000))}m` },
  };
}
