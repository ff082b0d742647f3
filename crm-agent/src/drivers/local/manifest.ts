import { readKubernetesYaml, writeKubernetesYaml } from '../../kubernetes-yaml.js';
import type { EnvVar } from './env-vars.js';

type Node = Record<string, unknown>;

/** A manifest's objects; what is not a mapping is kept as it is. @throws with the parser's words. */
function parseManifest(text: string): unknown[] {
  return readKubernetesYaml(text).map((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`the deployment manifest is not YAML: ${error.message.split('\n')[0]}`);
    // Bounds what a manifest of nested aliases may unfold to.
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  });
}

/** Images that the containers of a manifest name, each once. */
export function manifestImages(text: string): readonly string[] {
  const images = parseManifest(text)
    .flatMap(containersOf)
    .map((container) => container['image'])
    .filter((image) => typeof image === 'string' && image !== '');
  return [...new Set(images as string[])];
}

export interface ManifestChanges {
  /** Set in every container, in place of variables of the same name. */
  readonly env: readonly EnvVar[];
  /** Image as the manifest names it, to the name it has in local storage. */
  readonly images: ReadonlyMap<string, string>;
}

/** The manifest with these changes, documents joined by `---` (spec section 13.1). */
export function changeManifest(text: string, { env, images }: ManifestChanges): string {
  const names = new Set(env.map((v) => v.name));
  const objects = parseManifest(text);
  for (const container of objects.flatMap(containersOf)) {
    const image = images.get(String(container['image']));
    if (image !== undefined) container['image'] = image;
    if (env.length === 0) continue;
    const own = Array.isArray(container['env']) ? (container['env'] as unknown[]) : [];
    const kept = own.filter((v) => !(isNode(v) && names.has(String(v['name']))));
    container['env'] = [...kept, ...env];
  }
  return objects
    .filter((object) => object !== null)
    .map((object) => writeKubernetesYaml(object))
    .join('---\n');
}

/** Containers of a Pod, or of whatever has a pod template; of a List, those of its items. */
function containersOf(object: unknown): Node[] {
  if (!isNode(object)) return [];
  if (object['kind'] === 'List' && Array.isArray(object['items']))
    return object['items'].flatMap(containersOf);
  const spec = nodeAt(object, 'spec');
  const pod = object['kind'] === 'Pod' ? spec : nodeAt(nodeAt(spec, 'template'), 'spec');
  return ['containers', 'initContainers'].flatMap((name) => {
    const list = pod?.[name];
    return Array.isArray(list) ? list.filter(isNode) : [];
  });
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nodeAt(node: Node | undefined, name: string): Node | undefined {
  const value = node?.[name];
  return isNode(value) ? value : undefined;
}
