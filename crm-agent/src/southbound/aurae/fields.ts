import { fail } from '@edgeplane/base';
import { shownValue } from '../shown-value.js';
import { auraeErrors } from './errors.js';

/** A malformed value. */
export const bad = (field: string, rule: string, value: unknown) =>
  fail(auraeErrors.BAD_FIELD, { field, rule, value: shownValue(value) });

/** A well-formed value that asks for what pods of this host do not have. */
export const notOffered = (field: string, reason: string) => fail(auraeErrors.NOT_OFFERED, { field, reason });

const NAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Names of pods, containers and volumes (Aurae spec section B3). @throws BAD_FIELD */
export function checkName(field: string, name: string): string {
  if (NAME.test(name)) return name;
  throw bad(field, 'must be 1 to 63 letters, digits and inner hyphens', name);
}

/** Refuses what a C string cannot hold, and texts of absurd length. */
export function checkText(field: string, text: string, limit = 4096): string {
  if (text.includes('\0')) throw bad(field, 'must not hold a zero byte', text);
  if (text.length > limit) throw bad(field, `must be at most ${limit} characters`, `${text.length} of them`);
  return text;
}

export function checkCount(field: string, count: number, limit: number): void {
  if (count > limit) throw bad(field, `must be at most ${limit} of them`, count);
}

/** Refuses a name that comes twice. */
export function checkUnique(field: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw bad(field, 'must not be given twice', name);
    seen.add(name);
  }
}

/** An absolute path in a container that stays where it says. */
export function checkPath(field: string, path: string): string {
  checkText(field, path);
  if (!path.startsWith('/')) throw bad(field, 'must be an absolute path', path);
  if (path.split('/').includes('..')) throw bad(field, 'must not hold ..', path);
  if (/[:,]/.test(path)) throw bad(field, 'must not hold colons or commas', path);
  return path;
}

export function checkPort(field: string, port: number, zero: boolean): number {
  if (port > 65535 || (port < 1 && !zero)) throw bad(field, `must be ${zero ? 0 : 1} to 65535`, port);
  return port;
}
