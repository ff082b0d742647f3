import { createSecretKey, type KeyObject } from 'node:crypto';

/** Secrets that cookies are signed with, by key id. The highest id signs, unless it is to wait; all verify. Never altered in place. */
export interface CookieKeys {
  readonly signing: { readonly kid: number; readonly key: KeyObject } | undefined;
  /** The highest key id; 0 without keys. */
  readonly newest: number;
  find(kid: number): KeyObject | undefined;
}

export interface CookieSecret {
  /** Key id, from 1 up. */
  readonly kid: number;
  /** The secret is this text's UTF-8. */
  readonly secret: string;
  /** Not to be signed with yet: others may not have it. */
  readonly checksOnly?: boolean;
}

export function cookieKeys(secrets: readonly CookieSecret[]): CookieKeys {
  const byId = new Map(secrets.map(({ kid, secret }) => [kid, createSecretKey(secret, 'utf8')]));
  const newest = Math.max(0, ...byId.keys());
  const kid = Math.max(0, ...secrets.filter(({ checksOnly }) => !checksOnly).map((secret) => secret.kid));
  const key = byId.get(kid);
  return { signing: key && { kid, key }, newest, find: (id) => byId.get(id) };
}
