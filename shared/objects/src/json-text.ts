import { parse as parseLossless } from 'lossless-json';

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

// Control characters, the quote, the backslash, the HTML specials, the two line separators and lone surrogates.
const SPECIAL = /[\p{Cc}"\\<>&\u2028\u2029\p{Cs}]/gu;
// Most texts are of nothing else.
const HARMLESS = /^[ !#-%'-;=?-[\]-~]*$/;

/** JSON text of a string as stored data spells it (controller spec section 6.2): keys must match byte for byte. */
export function quoteJson(text: string): string {
  if (HARMLESS.test(text)) return `"${text}"`;
  return `"${text.replace(SPECIAL, (c) => {
    const short = ESCAPES[c];
    if (short !== undefined) return short;
    const code = c.charCodeAt(0);
    // Control characters above ASCII are left as they are.
    if (code >= 0x7f && code < 0x2028) return c;
    // A lone surrogate has no UTF-8 form; it becomes the replacement character.
    if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd';
    return `\\u${code.toString(16).padStart(4, '0')}`;
  })}"`;
}

export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Parses JSON; integers that a double cannot hold come back as bigint. @throws SyntaxError */
export function parseJson(text: string): JsonValue {
  // Only a long run of digits can be an integer that a double does not hold.
  if (!/\d{16}/.test(text)) return JSON.parse(text) as JsonValue;
  return parseLossless(text, null, (digits: string) => {
    const number = Number(digits);
    return /^-?\d+$/.test(digits) && !Number.isSafeInteger(number) ? BigInt(digits) : number;
  }) as JsonValue;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Compact JSON text of parsed JSON, spelt as stored data is; members keep their order unless `sortMembers` asks for that
 * of their names.
 */
export function writeJson(value: JsonValue, options: { readonly sortMembers?: boolean } = {}): string {
  if (typeof value === 'string') return quoteJson(value);
  if (Array.isArray(value)) return `[${value.map((v: JsonValue) => writeJson(v, options)).join(',')}]`;
  if (!isJsonObject(value)) return Object.is(value, -0) ? '-0' : String(value);
  const members = Object.entries(value);
  if (options.sortMembers) members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map(([name, v]) => `${quoteJson(name)}:${writeJson(v, options)}`).join(',')}}`;
}
