import { createSecretKey, type KeyObject } from 'node:crypto';

/** Secrets that cookies are signed with, by key id. The highest id signs; all verify. Never altered in place. */
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
}

export function cookieKeys(secrets: readonly CookieSecret[]): CookieKeys {
  const byId = new Map(secrets.map(({ kid, secret }) => [kid, createSecretKey(secret, 'utf8')]));
  const newest = Math.max(0, ...byId.keys());
  const key = byId.get(newest);
  return { signing: key && { kid: newest, key }, newest, find: (id) => byId.get(id) };
}
