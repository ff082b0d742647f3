import { fail } from '@edgeplane/base';
import { readKubernetesYaml } from '../../kubernetes-yaml.js';
import { podmanErrors } from './errors.js';

/** A YAML mapping as data. The manifest is the user's: nothing about its members is taken for granted. */
export type Node = Record<string, unknown>;

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The mapping at `key`; made when it is absent, so that changes to it stay in the manifest. */
export function child(node: Node, key: string): Node {
  const value = node[key];
  if (isNode(value)) return value;
  const made: Node = {};
  node[key] = made;
  return made;
}

/** The mappings in the list at `key`; empty when there is none. */
export function nodesAt(node: Node | undefined, key: string): Node[] {
  const value = node?.[key];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export const nodeAt = (node: Node | undefined, key: string): Node | undefined => {
  const value = node?.[key];
  return isNode(value) ? value : undefined;
};

export const textAt = (node: Node | undefined, key: string): string | undefined => {
  const value = node?.[key];
  return typeof value === 'string' ? value : undefined;
};

export const badManifest = (name: string, rule: string, value: string) =>
  fail(podmanErrors.PODMAN_BAD_MANIFEST, { name, rule, value });

/** Objects of a manifest, lists unfolded. */
export function readManifest(name: string, yaml: string): Node[] {
  const objects: Node[] = [];
  for (const document of readKubernetesYaml(yaml)) {
    const [error] = document.errors;
    if (error) throw badManifest(name, 'must be YAML', error.message.split('\n')[0] ?? '');
    // A billion-laughs manifest stops at the library's alias limit and surfaces here.
    const parsed: unknown = document.toJS({ maxAliasCount: 100 });
    // What aliases share must become separate: each place is rewritten on its own.
    const value: unknown = JSON.parse(JSON.stringify(parsed ?? null));
    if (value === null) continue;
    if (!isNode(value) || typeof value['kind'] !== 'string') {
      throw badManifest(
        name,
        'each document must be an object with a kind',
        JSON.stringify(value).slice(0, 80),
      );
    }
    if (value['kind'] === 'List') objects.push(...nodesAt(value, 'items'));
    else objects.push(value);
  }
  return objects;
}
