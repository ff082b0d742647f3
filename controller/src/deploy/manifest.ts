import { fail } from '@edgeplane/base';
import { parseAllDocuments } from 'yaml';
import { controllerErrors } from '../errors.js';

/** A mapping of a manifest. It is the user's: nothing about its members is taken for granted. */
export type ManifestNode = Readonly<Record<string, unknown>>;

/** One YAML document: its content, null when it is empty, or why it cannot be read. */
type Document = { readonly content: unknown } | { readonly fault: string };

/** Documents as a YAML parser divides them; a line that begins with `---` inside a text is part of the text. */
function readDocuments(text: string): Document[] {
  return [...parseAllDocuments(text, { merge: true })].map((document) => {
    const [error] = document.errors;
    if (error) return { fault: firstLine(error) };
    try {
      // Nested aliases must not unfold to more than memory holds.
      return { content: document.toJS({ maxAliasCount: 100 }) as unknown };
    } catch (cause) {
      return { fault: firstLine(cause) };
    }
  });
}

/** The first line of a YAML error: the others quote the text. */
export function firstLine(error: unknown): string {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n');
  return line.replace(/:$/, '');
}

/**
 * Refuses what is no manifest: text that is not YAML, or without any content.
 * @throws EdgeplaneError MANIFEST_SYNTAX naming the document, from 1 up; MANIFEST_EMPTY
 */
export function checkManifest(text: string): void {
  const documents = readDocuments(text);
  documents.forEach((document, i) => {
    if ('fault' in document) {
      throw fail(controllerErrors.MANIFEST_SYNTAX, { number: i + 1, reason: document.fault });
    }
  });
  const empty = documents.every((d) => 'content' in d && d.content === null);
  if (empty) throw fail(controllerErrors.MANIFEST_EMPTY);
}

/** Kubernetes objects of a manifest in order, lists unfolded. What cannot be read, or is no object, is passed over. */
export function manifestObjects(text: string): ManifestNode[] {
  return readDocuments(text).flatMap((document) => ('content' in document ? unfold(document.content) : []));
}

function unfold(value: unknown): ManifestNode[] {
  const node = asNode(value);
  const { kind, items } = node;
  if (typeof kind !== 'string') return [];
  return kind.endsWith('List') && Array.isArray(items) ? items.flatMap(unfold) : [node];
}

/** A mapping as it is, an empty one for anything else. */
export function asNode(value: unknown): ManifestNode {
  const isNode = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isNode ? (value as ManifestNode) : {};
}

/** The mapping at a path of members. */
export function nodeAt(node: ManifestNode, ...path: readonly string[]): ManifestNode {
  return path.reduce((at, name) => asNode(at[name]), node);
}

/** The mappings in the list at a member; empty when there is none. */
export function nodesAt(node: ManifestNode, name: string): ManifestNode[] {
  const list = node[name];
  return Array.isArray(list) ? list.map(asNode) : [];
}
