import { fail, messageOf } from '@edgeplane/base';
import { virtrigaudErrors } from './errors.js';
import { invalid, quantityBytes, whole } from './values.js';

/** More than any manager has to say; a longer one is an attack. */
const TEXT_MAX = 4 * 1024 * 1024;

/**
 * An object of a JSON payload. Callers spell keys as Go does (`MemoryMiB`) or as Kubernetes does (`memoryMiB`), so keys are
 * found whatever their case. `null` is as if it were not there, unknown keys are passed over, and a value of another type is
 * refused by its full name (spec of VirtRigaud, section 3).
 */
export class JsonObject {
  readonly path: string;
  readonly #members = new Map<string, { readonly key: string; readonly value: unknown }>();

  constructor(path: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalid(path, 'an object', value);
    this.path = path;
    for (const [key, member] of Object.entries(value))
      if (member !== null) this.#members.set(key.toLowerCase(), { key, value: member });
  }

  has(key: string): boolean {
    return this.#members.has(key.toLowerCase());
  }

  /** Full name of a member, as the caller spells it. */
  field(key: string): string {
    return `${this.path}.${this.#members.get(key.toLowerCase())?.key ?? key}`;
  }

  keys(): readonly string[] {
    return [...this.#members.values()].map(({ key }) => key);
  }

  /** Empty when it is not there. */
  text(key: string): string {
    const value = this.#value(key);
    if (value === undefined) return '';
    if (typeof value === 'string') return value;
    throw invalid(this.field(key), 'a text', value);
  }

  flag(key: string): boolean | undefined {
    const value = this.#value(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw invalid(this.field(key), 'true or false', value);
  }

  whole(key: string, min: number, max: number): number | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw invalid(this.field(key), 'a whole number', value);
    return whole(this.field(key), value, min, max);
  }

  /** Bytes of a quantity, which may be a number or a text. */
  bytes(key: string): number | undefined {
    const value = this.#value(key);
    if (value === undefined || value === '') return undefined;
    if (typeof value !== 'number' && typeof value !== 'string')
      throw invalid(this.field(key), 'a quantity such as 8Gi', value);
    return quantityBytes(this.field(key), String(value));
  }

  object(key: string): JsonObject | undefined {
    const value = this.#value(key);
    return value === undefined ? undefined : new JsonObject(this.field(key), value);
  }

  /** Empty when it is not there. */
  objects(key: string): readonly JsonObject[] {
    return objectsOf(this.field(key), this.#value(key));
  }

  texts(key: string): readonly string[] {
    return listOf(this.field(key), this.#value(key)).map((value, at) => {
      if (typeof value === 'string') return value;
      throw invalid(`${this.field(key)}[${at}]`, 'a text', value);
    });
  }

  #value(key: string): unknown {
    return this.#members.get(key.toLowerCase())?.value;
  }
}

/** The object that a payload holds; undefined for an empty one and for `null`. @throws NOT_JSON, FIELD_INVALID */
export function readObject(field: string, text: string): JsonObject | undefined {
  const value = parse(field, text);
  return value === undefined ? undefined : new JsonObject(field, value);
}

/** The objects of a list; none for an empty payload and for `null`. */
export function readObjects(field: string, text: string): readonly JsonObject[] {
  return objectsOf(field, parse(field, text));
}

function objectsOf(field: string, value: unknown): readonly JsonObject[] {
  return listOf(field, value).map((item, at) => new JsonObject(`${field}[${at}]`, item));
}

function listOf(field: string, value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw invalid(field, 'a list', value);
}

function parse(field: string, text: string): unknown {
  if (text.trim() === '') return undefined;
  if (text.length > TEXT_MAX) throw invalid(field, `at most ${TEXT_MAX} characters`, text.length);
  try {
    return (JSON.parse(text) as unknown) ?? undefined;
  } catch (error) {
    // The parser quotes what it read, which may be a secret.
    const reason = messageOf(error)
      .replace(/["'`].*$/s, '')
      .trim();
    throw fail(virtrigaudErrors.NOT_JSON, { field, reason: reason || 'it cannot be parsed' });
  }
}
