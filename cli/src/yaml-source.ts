import { type EdgeplaneError, fail } from '@edgeplane/base';
import { type Document, isAlias, LineCounter, type Node, type ParsedNode, parseAllDocuments } from 'yaml';
import { cliErrors } from './errors.js';

/** YAML text with a name, for errors that say where. */
export interface YamlSource {
  /** File name. */
  readonly name: string;
  readonly documents: readonly Document.Parsed[];
  /** The fault of a node, as `name:line:column: reason`. */
  fault(node: Node | null | undefined, reason: string): EdgeplaneError;
  /** `name:line:column` of a node; line and column count from 1. */
  where(node: Node | null | undefined): string;
}

/** @throws EdgeplaneError BAD_DOCUMENT with the place of the first syntax error. */
export function parseYamlSource(name: string, text: string): YamlSource {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    // So that large integers stay exact.
    intAsBigInt: true,
    prettyErrors: false,
  });
  const documents = 'empty' in parsed ? [] : parsed;
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  for (const document of documents) {
    const [error] = document.errors;
    if (error) {
      const reason = error.message.replace(/\s+/g, ' ').trim();
      throw fail(cliErrors.BAD_DOCUMENT, { where: at(error.pos[0]), reason });
    }
  }
  const where = (node: Node | null | undefined) => at(node?.range?.[0] ?? 0);
  return {
    name,
    documents,
    where,
    fault: (node, reason) => fail(cliErrors.BAD_DOCUMENT, { where: where(node), reason }),
  };
}

/**
 * The node an alias stands for; any other node itself; undefined for none.
 * @throws EdgeplaneError BAD_DOCUMENT for an alias of nothing.
 */
export function resolved(
  source: YamlSource,
  document: Document.Parsed,
  node: ParsedNode | Node | null,
): Node | undefined {
  if (!isAlias(node)) return node ?? undefined;
  const target = node.resolve(document);
  if (!target) throw source.fault(node, `*${node.source} names no anchor before it`);
  return target;
}
