import { type Scalar, stringify } from 'yaml';

/** Plain data as YAML has it; a Scalar says how it is to be quoted. */
export type YamlValue =
  | null
  | Scalar
  | number
  | string
  | readonly YamlValue[]
  | { readonly [name: string]: YamlValue | undefined };

/** As Kubernetes manifests are laid out. Their readers know YAML 1.1, in which `on` is a boolean unless it is quoted. */
export const LAYOUT = { indentSeq: false, lineWidth: 0, nullStr: '', compat: 'yaml-1.1' } as const;

/** Texts that every YAML reader takes as they stand, apart from {@link RESERVED} ones. */
const PLAIN = /^[a-zA-Z](?:[\w./:-]*[a-zA-Z0-9])?$/;
const RESERVED = /^(?:null|true|false|yes|no|on|off|y|n|e-?\d+)$/i;

/**
 * Block-style YAML: two spaces per level, lists not indented, nothing for null. What holds only plain texts, as manifests
 * mostly do, is written here, many times faster than by the library; all else is left to the library. Both give the same
 * bytes.
 */
export function yamlText(value: { readonly [name: string]: YamlValue | undefined }): string {
  const lines: string[] = [];
  return mapLines(value, '', '', lines) ? `${lines.join('\n')}\n` : stringify(value, LAYOUT);
}

/** Adds the lines of a mapping; false when it holds something that the library must write. */
function mapLines(map: object, first: string, rest: string, lines: string[]): boolean {
  if (Object.getPrototypeOf(map) !== Object.prototype) return false;
  const entries = (Object.entries(map) as [string, YamlValue | undefined][]).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  );
  // An empty mapping has a spelling of its own.
  if (entries.length === 0) return false;
  return entries.every(
    ({ name, value }, i) =>
      isPlain(name) && entryLines(`${i === 0 ? first : rest}${name}:`, value, rest, lines),
  );
}

function entryLines(head: string, value: YamlValue, indent: string, lines: string[]): boolean {
  if (value === null) lines.push(head);
  else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return false;
    lines.push(`${head} ${value}`);
  } else if (typeof value === 'string') {
    if (!isPlain(value)) return false;
    lines.push(`${head} ${value}`);
  } else if (Array.isArray(value)) {
    lines.push(head);
    return value.length > 0 && value.every((item) => itemLines(item, indent, lines));
  } else {
    lines.push(head);
    return mapLines(value, `${indent}  `, `${indent}  `, lines);
  }
  return true;
}

function itemLines(item: YamlValue, indent: string, lines: string[]): boolean {
  if (typeof item === 'string' && isPlain(item)) {
    lines.push(`${indent}- ${item}`);
    return true;
  }
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return false;
  return mapLines(item, `${indent}- `, `${indent}  `, lines);
}

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !RESERVED.test(text);
}
