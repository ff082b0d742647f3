import { type KubeContext, type PortMapping, planKube } from '../../engines/podman/index.js';
import { readKubernetesYaml, writeKubernetesYaml } from '../../kubernetes-yaml.js';

type Node = Record<string, unknown>;

/** Objects of which there may be several. */
const REPLICATED = new Set(['Deployment', 'ReplicaSet', 'StatefulSet']);
/** More would be a mistake, or an attack. */
const MAX_REPLICAS = 100;

/**
 * Takes a manifest apart into one for each replica. Replica `i` has every object that has more than `i` replicas, once:
 * what belongs together is on one node and in one network, where it is found by name. Other objects that run, such as
 * Pods, are only in the first; configuration is in all of them.
 */
export function splitManifest(text: string): readonly string[] {
  const objects = readKubernetesYaml(text)
    .flatMap((document) => unfolded(document.toJS({ maxAliasCount: 100 }) as unknown))
    .filter((object): object is Node => typeof object === 'object' && object !== null);
  const counts = objects.map(countOf);
  const replicas = Math.max(1, ...counts.filter((count) => count !== undefined));
  return Array.from({ length: replicas }, (_, i) =>
    objects
      .filter((_object, o) => (counts[o] ?? Number.POSITIVE_INFINITY) > i)
      .map((object, o) => writeKubernetesYaml(counts[o] === undefined ? object : single(object)))
      .join('---\n'),
  );
}

function unfolded(object: unknown): unknown[] {
  const { kind, items } = (object ?? {}) as Node;
  return kind === 'List' && Array.isArray(items) ? items : [object];
}

/** How many there are to be; undefined for what does not run. */
function countOf(object: Node): number | undefined {
  const kind = String(object['kind']);
  if (kind === 'Pod' || kind === 'DaemonSet') return 1;
  if (!REPLICATED.has(kind)) return undefined;
  const wanted = (object['spec'] as Node | undefined)?.['replicas'] ?? 1;
  const count = Number(wanted);
  return Number.isInteger(count) && count >= 0 ? Math.min(count, MAX_REPLICAS) : 1;
}

function single(object: Node): Node {
  if (!REPLICATED.has(String(object['kind']))) return object;
  const spec = object['spec'];
  return typeof spec === 'object' && spec !== null ? { ...object, spec: { ...spec, replicas: 1 } } : object;
}

const CONTEXT: KubeContext = { owner: 'nobody', limits: false };
const PLAIN = { name: 'replica', limits: { memoryMB: 64, vcpus: 1 } };

/**
 * For each replica, whether it serves each of the ports: it does when it has the pod that serves the port in the first,
 * which has all of them.
 * @throws when a manifest cannot be played, or nothing serves a port
 */
export function servedPorts(
  replicas: readonly string[],
  ports: readonly Pick<PortMapping, 'proto' | 'containerPort'>[],
): readonly (readonly boolean[])[] {
  // The number of a host port tells which port it was given for.
  const marked = ports.map((port, i) => ({ ...port, hostPort: i + 1 }));
  const { yaml } = planKube({ ...PLAIN, yaml: replicas[0] ?? '', ports: marked }, CONTEXT);
  const owner = new Map<number, string>();
  for (const pod of readKubernetesYaml(yaml).map((document) => document.toJS() as PodNode))
    for (const container of pod.spec?.containers ?? [])
      for (const { hostPort } of container.ports ?? [])
        if (hostPort !== undefined) owner.set(hostPort, pod.metadata.name);
  return replicas.map((text) => {
    const pods = new Set(planKube({ ...PLAIN, yaml: text }, CONTEXT).pods.map(({ name }) => name));
    return marked.map(({ hostPort }) => pods.has(owner.get(hostPort) ?? ''));
  });
}

/** What is read of a pod that planKube has made. */
interface PodNode {
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly containers?: readonly { readonly ports?: readonly { readonly hostPort?: number }[] }[];
  };
}
