import { badManifest, child, type Node, nodeAt, nodesAt, textAt } from './manifest.js';

/** `podman play kube` names volumes after claims, ConfigMaps and emptyDirs, in one namespace for all workloads. */
const prefixed = (workload: string, name: string): string => `${workload}-${name}`;

export function renameConfig(workload: string, config: Node): void {
  const metadata = child(config, 'metadata');
  metadata['name'] = prefixed(workload, textAt(metadata, 'name') ?? '');
}

/** Values that are not text have no place in a ConfigMap of podman 4.3 and are refused. */
export function secretAsConfigMap(workload: string, secret: Node): Node {
  const data: Node = { ...nodeAt(secret, 'stringData') };
  for (const [key, value] of Object.entries(nodeAt(secret, 'data') ?? {})) {
    const bytes = Buffer.from(String(value), 'base64');
    const text = bytes.toString('utf8');
    if (!Buffer.from(text).equals(bytes)) throw badManifest(workload, 'each Secret value must be text', key);
    data[key] ??= text;
  }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: textAt(nodeAt(secret, 'metadata'), 'name') },
    data,
  };
}

/** Renames everything a pod refers to. Host directories are refused: they are the host's, not the workload's. */
export function renameVolumes(workload: string, pod: Node): void {
  const spec = child(pod, 'spec');
  const containers = [...nodesAt(spec, 'containers'), ...nodesAt(spec, 'initContainers')];
  for (const volume of nodesAt(spec, 'volumes')) {
    const name = textAt(volume, 'name') ?? '';
    if (volume['hostPath'] !== undefined)
      throw badManifest(workload, 'a volume must not be a hostPath', name);
    const secret = nodeAt(volume, 'secret');
    if (secret) {
      const { secretName, ...rest } = secret;
      volume['configMap'] = { name: secretName, ...rest };
      delete volume['secret'];
    }
    rename(workload, nodeAt(volume, 'configMap'), 'name');
    rename(workload, nodeAt(volume, 'persistentVolumeClaim'), 'claimName');
    // The emptyDir's podman volume is called as the volume itself.
    rename(workload, volume, 'name');
  }
  for (const container of containers) {
    for (const mount of nodesAt(container, 'volumeMounts')) rename(workload, mount, 'name');
    for (const source of nodesAt(container, 'envFrom')) {
      asConfigMap(source, 'secretRef', 'configMapRef');
      rename(workload, nodeAt(source, 'configMapRef'), 'name');
    }
    for (const variable of nodesAt(container, 'env')) {
      const source = nodeAt(variable, 'valueFrom');
      if (source) asConfigMap(source, 'secretKeyRef', 'configMapKeyRef');
      rename(workload, nodeAt(source, 'configMapKeyRef'), 'name');
    }
  }
}

function rename(workload: string, node: Node | undefined, key: string): void {
  const name = textAt(node, key);
  if (node && name !== undefined) node[key] = prefixed(workload, name);
}

function asConfigMap(node: Node, from: string, to: string): void {
  if (node[from] === undefined) return;
  node[to] = node[from];
  delete node[from];
}

/** The podman volumes the pods will use, after renaming. */
export function namesForVolumes(pods: readonly Node[]): string[] {
  const names = pods
    .flatMap((pod) => nodesAt(nodeAt(pod, 'spec'), 'volumes'))
    .map((volume) => {
      const claim = textAt(nodeAt(volume, 'persistentVolumeClaim'), 'claimName');
      const config = textAt(nodeAt(volume, 'configMap'), 'name');
      return claim ?? config ?? (volume['emptyDir'] === undefined ? undefined : textAt(volume, 'name'));
    });
  return [...new Set(names.filter((name) => name !== undefined))];
}
