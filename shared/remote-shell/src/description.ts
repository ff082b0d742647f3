import { fail } from '@edgeplane/base';
import { shellErrors } from './errors.js';

/** A session description as it travels in an ExecRequest: JSON, with all ICE candidates in it (CRM spec section 12.1). */
export interface Description {
  readonly type: 'offer' | 'answer';
  readonly sdp: string;
}

/** Longer ones are no session description of ours or of anybody's. */
const MAX_LENGTH = 256 * 1024;

export function encodeDescription({ type, sdp }: Description): string {
  return JSON.stringify({ type, sdp });
}

/** @throws EdgeplaneError DESCRIPTION_INVALID; the text itself, which is secret, is not in it. */
export function decodeDescription(text: string, type: Description['type']): Description {
  const refuse = (reason: string) => fail(shellErrors.DESCRIPTION_INVALID, { type, reason });
  if (text.length > MAX_LENGTH) throw refuse(`it has ${text.length} characters, more than ${MAX_LENGTH}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('it is not JSON');
  }
  if (typeof value !== 'object' || value === null) throw refuse('it is not a JSON object');
  const { type: given, sdp } = value as Partial<Record<string, unknown>>;
  if (given !== type) throw refuse(`its type is not "${type}"`);
  if (typeof sdp !== 'string' || !sdp.startsWith('v=0')) throw refuse('its sdp does not begin with v=0');
  return { type, sdp };
}

/** The addresses at which the other end says it can be reached, without ports. */
export function addressesIn({ sdp }: Description): string[] {
  const found = [...sdp.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+) /gm)].map((match) => match[1] ?? '');
  return [...new Set(found)];
}
