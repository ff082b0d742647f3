import { type EdgeplaneError, fail } from '@edgeplane/base';
import { shownValue } from '../shown-value.js';
import { virtrigaudErrors } from './errors.js';

/** The error of a value that breaks a rule. */
export function invalid(field: string, rule: string, value: unknown): EdgeplaneError {
  return fail(virtrigaudErrors.FIELD_INVALID, { field, rule, value: shownValue(value) });
}

/** The value when it is one of some. @throws FIELD_INVALID */
export function oneOf<T extends string>(field: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw invalid(field, `one of ${allowed.join(', ')}`, value);
  return found;
}

/** A whole number within bounds. @throws FIELD_INVALID */
export function whole(field: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(field, `a whole number from ${min} to ${max}`, value);
}

const UNITS: Readonly<Record<string, number>> = {
  ...{ '': 1, m: 1e-3, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 },
};

/** Bytes of a quantity as Kubernetes writes them: `8Gi`, `500M`, `1073741824`. @throws FIELD_INVALID */
export function quantityBytes(field: string, text: string): number {
  const [, number, unit = ''] = /^([0-9]{1,18}(?:\.[0-9]{1,9})?)([A-Za-z]{0,2})$/.exec(text.trim()) ?? [];
  const factor = UNITS[unit];
  if (number === undefined || factor === undefined) throw invalid(field, 'a quantity such as 8Gi', text);
  return Math.ceil(Number(number) * factor);
}

const MIB = 1024 ** 2;

/** Whole MiB that hold so many bytes. */
export function mibOf(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
