import { fail } from '@edgeplane/base';
import { dmeErrors } from '../errors.js';
import type { CookieKeys } from '../keys/cookie-keys.js';
import { readToken, signToken } from '../keys/signed-token.js';
import type { Session } from '../sessions.js';

/** One client in one group. */
export interface Membership {
  /** Names the group together with the App: the same number is another group for another App. */
  readonly channel: string;
  readonly member: string;
  readonly userData: string;
}

/** A membership that was read, with the Unix seconds through which it is good. */
export interface CheckedMembership extends Membership {
  readonly exp: number;
}

/** The cookie's own claim. */
interface GroupClaim {
  readonly id?: unknown;
  readonly channel?: unknown;
  readonly member?: unknown;
  readonly data?: unknown;
}

/** The group of a number among those of a session's App. */
export function channelOf({ app }: Session, groupId: bigint): string {
  return JSON.stringify([app.developerKey?.name ?? '', app.name, app.version, String(groupId)]);
}

/**
 * Signs a membership with the keys of session cookies, so that all replicas accept it.
 * @throws EdgeplaneError NO_SIGNING_KEY
 */
export function issueGroupCookie(
  keys: CookieKeys,
  groupId: bigint,
  { channel, member, userData }: Membership,
  times: { readonly iat: number; readonly exp: number },
): string {
  const group = { id: String(groupId), channel, member, data: userData };
  return signToken(keys, { ...times, key: {}, group });
}

/**
 * Checks a group's cookie at a time (Unix seconds).
 * @throws EdgeplaneError BAD_COOKIE, or NOT_OF_THE_GROUP when it is of another one
 */
export function checkGroupCookie(
  cookie: string,
  groupId: bigint,
  keys: CookieKeys,
  now: number,
): CheckedMembership {
  const { claims, exp } = readToken(cookie, keys, now);
  const { id, channel, member, data } = (claims['group'] ?? {}) as GroupClaim;
  if (typeof channel !== 'string' || typeof member !== 'string')
    throw fail(dmeErrors.BAD_COOKIE, { reason: 'No group data in cookie' });
  if (id !== String(groupId)) throw fail(dmeErrors.NOT_OF_THE_GROUP, { group: groupId });
  return { channel, member, userData: typeof data === 'string' ? data : '', exp };
}
