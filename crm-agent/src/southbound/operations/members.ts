import { fail } from '@edgeplane/base';
import { shownValue } from '../shown-value.js';
import { operationsErrors } from './errors.js';

/** Reads the members of a mapping one by one; every complaint says where it is in which file. */
export class Members {
  readonly #path: string;
  readonly #where: string;
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  /** @throws INVENTORY_INVALID when the value is no mapping */
  constructor(path: string, where: string, value: unknown) {
    this.#path = path;
    this.#where = where;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.#invalid('', 'must be a mapping', value);
    this.#members = value as Readonly<Record<string, unknown>>;
  }

  text(name: string, fallback?: string): string {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'string' || (value === '' && fallback !== ''))
      throw this.invalid(name, 'must be a text');
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.#take(name) ?? fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.invalid(name, `must be one of ${choices.join(', ')}`);
    return found;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'boolean') throw this.invalid(name, 'must be true or false');
    return value;
  }

  /** A whole number. */
  number(name: string, fallback: number, least: number, most: number): number {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      throw this.invalid(name, `must be a whole number from ${least} to ${most}`);
    return value;
  }

  /** Bytes: a number, or a text such as `20GiB`. */
  bytes(name: string, fallback?: bigint): bigint {
    const value = this.#take(name);
    if (value === undefined && fallback !== undefined) return fallback;
    const match = /^(\d+)\s*(B|KiB|MiB|GiB|TiB)?$/.exec(String(value));
    const unit = UNITS.indexOf(match?.[2] ?? 'B');
    if (!match || unit < 0) throw this.invalid(name, 'must be bytes, such as 1048576 or 20GiB');
    return BigInt(match[1] ?? '0') * 1024n ** BigInt(unit);
  }

  texts(name: string, fallback: readonly string[] = []): readonly string[] {
    const value = this.#take(name) ?? fallback;
    if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
      throw this.invalid(name, 'must be a list of texts');
    return value as readonly string[];
  }

  textMap(name: string): Readonly<Record<string, string>> {
    const value = this.#take(name) ?? {};
    const good = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!good || !Object.values(value).every((one) => typeof one === 'string'))
      throw this.invalid(name, 'must be a mapping of names to texts');
    return value as Readonly<Record<string, string>>;
  }

  /** Any mapping; empty when it is not there. */
  any(name: string): Readonly<Record<string, unknown>> {
    const value = this.#take(name) ?? {};
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.invalid(name, 'must be a mapping');
    return value as Readonly<Record<string, unknown>>;
  }

  /** Mappings within. */
  list(name: string): readonly Members[] {
    const value = this.#take(name) ?? [];
    if (!Array.isArray(value)) throw this.invalid(name, 'must be a list');
    return value.map((one, i) => new Members(this.#path, `${this.#whereOf(name)}[${i}]`, one));
  }

  /** One mapping within; an empty one when it is not there. */
  inner(name: string): Members {
    return new Members(this.#path, this.#whereOf(name), this.#take(name) ?? {});
  }

  /** To be called last. @throws INVENTORY_INVALID naming a member that nobody asked for */
  end(): void {
    const unknown = Object.keys(this.#members).find((name) => !this.#read.has(name));
    if (unknown !== undefined)
      throw this.invalid(unknown, `is not known here; known are ${[...this.#read].join(', ')}`);
  }

  invalid(name: string, rule: string): Error {
    return this.#invalid(name, rule, this.#members[name]);
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.#members[name] ?? undefined;
  }

  #invalid(name: string, rule: string, value: unknown): Error {
    const where = this.#whereOf(name);
    return fail(operationsErrors.INVENTORY_INVALID, {
      path: this.#path,
      where,
      rule,
      value: shownValue(value),
    });
  }

  #whereOf(name: string): string {
    return [this.#where, name].filter(Boolean).join('.') || 'the file';
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
