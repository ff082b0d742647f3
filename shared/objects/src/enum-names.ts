import type { EnumSchema } from './schema-types.js';

/**
 * The camel spelling of an enum value's proto name, used in stored values, REST output, YAML and stream messages:
 * `IP_SUPPORT_DYNAMIC` -> `IpSupportDynamic` (controller spec section 5).
 */
export function camelName(text: string): string {
  let out = '';
  let i = 0;
  const isUpper = (c: string | undefined) => c !== undefined && c >= 'A' && c <= 'Z';
  const isLower = (c: string | undefined) => c !== undefined && c >= 'a' && c <= 'z';
  while (i < text.length) {
    const c = text[i] ?? '';
    if (isLower(c) || isUpper(c)) {
      out += c.toUpperCase();
      i++;
      if (isUpper(c)) {
        // A run of capitals is one word, up to the capital that begins a word of its own.
        while (isUpper(text[i]) && !isLower(text[i + 1])) out += (text[i++] ?? '').toLowerCase();
      }
      while (isLower(text[i])) out += text[i++];
    } else {
      if (c !== '_') out += c;
      i++;
    }
  }
  return out;
}

interface EnumNames {
  readonly byNumber: ReadonlyMap<number, string>;
  readonly byCamel: ReadonlyMap<string, number>;
  readonly protoByNumber: ReadonlyMap<number, string>;
}

const cache = new WeakMap<EnumSchema, EnumNames>();

function namesOf(schema: EnumSchema): EnumNames {
  let names = cache.get(schema);
  if (!names) {
    const entries = Object.entries(schema.values);
    names = {
      byNumber: new Map(entries.map(([name, n]) => [n, camelName(name)])),
      byCamel: new Map(entries.map(([name, n]) => [camelName(name), n])),
      protoByNumber: new Map(entries.map(([name, n]) => [n, name])),
    };
    cache.set(schema, names);
  }
  return names;
}

/** True when the enum has a value of that number. */
export function isKnownEnumNumber(schema: EnumSchema, value: number): boolean {
  return namesOf(schema).byNumber.has(value);
}

/** Camel name of a value; the decimal number when it is unknown. */
export function enumCamel(schema: EnumSchema, value: number): string {
  return namesOf(schema).byNumber.get(value) ?? String(value);
}

/** Proto name of a value; the decimal number when it is unknown. */
export function enumProtoName(schema: EnumSchema, value: number): string {
  return namesOf(schema).protoByNumber.get(value) ?? String(value);
}

/**
 * Number of an enum value given in any spelling: camel or proto name, decimal text, or number.
 * An unknown number is let through, so that data of a newer or a faulty writer stays readable; names must be known.
 * @returns undefined when the text names no value.
 */
export function parseEnum(schema: EnumSchema, value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined;
  const known = namesOf(schema).byCamel.get(camelName(value));
  if (known !== undefined) return known;
  return /^-?\d{1,10}$/.test(value) ? Number(value) : undefined;
}
