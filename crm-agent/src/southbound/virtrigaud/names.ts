import { invalid } from './values.js';

/** Room is left for a number behind it, see {@link freeId}. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,89}$/;

/** A name of a machine, disk or image, which also names files. @throws FIELD_INVALID */
export function checkName(field: string, name: string): string {
  if (NAME.test(name)) return name;
  throw invalid(
    field,
    '1 to 90 letters, digits, dots, dashes or underscores, the first a letter or digit',
    name,
  );
}

/** An id that a caller gives for what it believes to exist; what cannot be one is as unknown as what is not. */
export function isId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(id);
}

/** The name itself, or with the lowest number behind it that makes it free. */
export function freeId(name: string, taken: (id: string) => boolean): string {
  if (!taken(name)) return name;
  let number = 2;
  while (taken(`${name}-${number}`)) number += 1;
  return `${name}-${number}`;
}

/** A host name made from a name. */
export function hostNameOf(name: string): string {
  const text = name
    .replace(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 63)
    .replace(/[.-]+$/, '');
  return text || 'vm';
}

/**
 * A snapshot's name from a hint: letters, digits, `_`, `.` and `-`, at most 64, not beginning with a mark. An empty hint gives
 * one from the time in seconds. @throws FIELD_INVALID when nothing is left of the hint
 */
export function snapshotName(hint: string, nowMs: number): string {
  if (hint === '') return `snapshot-${Math.floor(nowMs / 1000)}`;
  const name = hint
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[-_.]+/, '')
    .slice(0, 64);
  if (name === '') throw invalid('name_hint', 'a name with a letter or digit', hint);
  return name;
}
