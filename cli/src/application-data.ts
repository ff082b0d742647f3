import { type MessageSchema, messageSchema } from '@edgeplane/objects';
import { isMap, isSeq, type Node } from 'yaml';
import { squash } from './flag-table.js';
import { isNull, kindOf, members, messageOfNode, type YamlPlace } from './yaml-message.js';
import { parseYamlSource, resolved, type YamlSource } from './yaml-source.js';

/** Lists of an ApplicationData document and what they hold, in the order of creation (edgectl spec section 14). */
const LISTS = [
  ['flavors', 'Flavor'],
  ['operators', 'Operator'],
  ['developers', 'Developer'],
  ['cloudlets', 'Cloudlet'],
  ['cloudletinfos', 'CloudletInfo'],
  ['clusters', 'Cluster'],
  ['apps', 'App'],
  ['clusterinsts', 'ClusterInst'],
  ['appinstances', 'AppInst'],
] as const;

/** Reported by agents, hence injected and evicted instead of created and deleted. */
const REPORTED = 'CloudletInfo';

/** One object of a file. */
export interface Item {
  /** Short name of its type, such as `Flavor`. */
  readonly type: string;
  readonly message: Record<string, unknown>;
  /** Type and key for people, such as `app dev/web/1.0`. */
  readonly label: string;
  /** `file:line:column`. */
  readonly where: string;
}

/**
 * Reads every document of an ApplicationData file; lists of the same name are put together. Nothing is accepted
 * unless all of it is right.
 * @returns the objects in the order of creation; deletion is the reverse.
 * @throws EdgeplaneError BAD_DOCUMENT with file, line, column, path and rule.
 */
export function parseApplicationData(name: string, text: string): readonly Item[] {
  const source = parseYamlSource(name, text);
  const items: Item[] = [];
  for (const document of source.documents) {
    const place = { source, document, path: '' };
    const root = resolved(source, document, document.contents);
    if (isNull(root)) continue;
    if (!isMap(root)) throw source.fault(root, `must be a mapping of lists, but is ${kindOf(root)}`);
    for (const list of members(root, place)) {
      const type = LISTS.find(([known]) => known === squash(list.name))?.[1];
      if (!type) throw unknownList(source, list.key, list.name);
      items.push(...listItems(type, list.value, { ...place, path: list.name }));
    }
  }
  // Stable, so that objects of one type keep their order.
  const rank = (item: Item) => LISTS.findIndex(([, type]) => type === item.type);
  return items.sort((a, b) => rank(a) - rank(b));
}

/** Name of the call that makes or removes an object of a type. */
export function callFor(action: 'create' | 'delete', type: string): string {
  const verb = {
    create: type === REPORTED ? 'Inject' : 'Create',
    delete: type === REPORTED ? 'Evict' : 'Delete',
  };
  return `${verb[action]}${type}`;
}

function listItems(type: string, node: Node | undefined, place: YamlPlace): readonly Item[] {
  if (isNull(node)) return [];
  if (!isSeq(node)) throw place.source.fault(node, `${place.path}: must be a list, but is ${kindOf(node)}`);
  const schema = messageSchema(`edgeproto.${type}`);
  return node.items.map((item, i) => {
    const inner = resolved(place.source, place.document, item as Node);
    const path = `${place.path}[${i}]`;
    if (isNull(inner)) throw place.source.fault(inner ?? node, `${path}: is empty`);
    const message = messageOfNode(schema, inner, { ...place, path });
    const label = `${type.toLowerCase()} ${keyText(schema, message)}`;
    return { type, message, label, where: place.source.where(inner) };
  });
}

/** The texts of a key's leaves, joined by slashes. */
function keyText(schema: MessageSchema, message: Record<string, unknown>): string {
  const key = schema.fields.find((field) => field.name === 'key');
  const parts: string[] = [];
  const visit = (of: MessageSchema, value: Record<string, unknown> | undefined): void => {
    for (const field of of.fields) {
      const part = value?.[field.prop];
      if (field.kind === 'message')
        visit(messageSchema(field.type), part as Record<string, unknown> | undefined);
      else if (part !== undefined && part !== '') parts.push(String(part));
    }
  };
  if (key) visit(messageSchema(key.type), message[key.prop] as Record<string, unknown> | undefined);
  return parts.join('/');
}

function unknownList(source: YamlSource, node: Node, name: string): Error {
  return source.fault(node, `${name}: no such list (one of ${LISTS.map(([known]) => known).join(', ')})`);
}
