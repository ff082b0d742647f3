import { OBJECTS } from '@edgeplane/objects';
import type { CookieKey } from '@edgeplane/proto/edgeproto/cookie_key.js';

/** What is to be done with the keys that there are. */
export interface Rotation {
  /** Id of a key that is to be made; undefined when the newest is young enough. */
  readonly add: number | undefined;
  /** Keys whose cookies have all expired. */
  readonly remove: readonly CookieKey[];
  /** When to look again, milliseconds since 1970. */
  readonly next: number;
}

/**
 * Plans a rotation: a new key once the newest is `rotationMs` old; a key goes when one after it is that old, as nothing was
 * signed with it since.
 */
export function planRotation(keys: readonly CookieKey[], now: number, rotationMs: number): Rotation {
  const youngest = keys.reduce<CookieKey | undefined>(
    (best, key) => (best && kidOf(best) > kidOf(key) ? best : key),
    undefined,
  );
  const old = (key: CookieKey) => now - Number(key.createdMs) >= rotationMs;
  const settled = Math.max(0, ...keys.filter(old).map(kidOf));
  const due = !youngest || old(youngest);
  return {
    add: due ? (youngest ? kidOf(youngest) : 0) + 1 : undefined,
    remove: keys.filter((key) => kidOf(key) < settled),
    next: due ? now + rotationMs : Number(youngest.createdMs) + rotationMs,
  };
}

export function cookieKey(kid: number, secret: string, createdMs: number): CookieKey {
  return { ...OBJECTS.CookieKey.withKey({ kid }), secret, createdMs: BigInt(createdMs) };
}

export function kidOf({ key }: CookieKey): number {
  return key?.kid ?? 0;
}
