import { fail } from '@edgeplane/base';
import { hasControls } from '../../control-characters.js';
import { shownValue } from '../../shown-value.js';
import { operationsErrors } from '../errors.js';

const MOST_TEXT = 200;
const MOST_IDS = 1000;
const MOST_GRACE = 24 * 3600;

/** @throws INVALID_FIELD */
export function checkText(field: string, value: string): string {
  if (value.length > MOST_TEXT) throw invalid(field, `has to have at most ${MOST_TEXT} characters`, value);
  if (hasControls(value)) throw invalid(field, 'must have no control characters', value);
  return value;
}

/** @throws NO_ID, INVALID_FIELD */
export function checkId(field: string, value: string, what: string): string {
  if (value === '') throw fail(operationsErrors.NO_ID, { field, what });
  return checkText(field, value);
}

/** Each id once, sorted. @throws NO_ID, INVALID_FIELD */
export function checkIds(ids: readonly string[]): readonly string[] {
  if (ids.length === 0) throw fail(operationsErrors.NO_ID, { field: 'ids', what: 'at least one hypervisor' });
  if (ids.length > MOST_IDS) throw invalid('ids', `must not be more than ${MOST_IDS}`, ids.length);
  return [...new Set(ids.map((id) => checkId('ids', id, 'hypervisors only')))].sort();
}

/** @throws INVALID_FIELD */
export function checkGrace(seconds: number): number {
  if (seconds < 0 || seconds > MOST_GRACE)
    throw invalid('grace_seconds', `has to be from 0 to ${MOST_GRACE}`, seconds);
  return seconds;
}

function invalid(field: string, rule: string, value: string | number): Error {
  return fail(operationsErrors.INVALID_FIELD, { field, rule, value: shownValue(value) });
}
