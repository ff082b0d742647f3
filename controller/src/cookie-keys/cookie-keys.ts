import { randomBytes } from 'node:crypto';
import { messageOf } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { ControllerConfig } from '../config.js';
import type { ControllerContext } from '../context.js';
import { cookieKey, kidOf, planRotation } from './rotation.js';

/** HMAC-SHA512 gains nothing from more. */
const SECRET_BYTES = 64;
/** The keys are looked at no less often than this, milliseconds: clocks can be set. */
const LOOK_MS = 600_000;
/** After a failure, milliseconds. */
const AGAIN_MS = 10_000;

/**
 * Makes the keys that match engines sign session cookies with, and replaces them in time. All controllers do so; who comes
 * second finds it done. The first key is there before this resolves.
 */
export async function startCookieKeys(
  { caches, clock, db, logger }: Pick<ControllerContext, 'caches' | 'clock' | 'db' | 'logger'>,
  { cookieKeyRotationMs }: Pick<ControllerConfig, 'cookieKeyRotationMs'>,
): Promise<{ stop(): Promise<void> }> {
  const type = OBJECTS.CookieKey;
  let cancel = () => {};
  let stopped = false;
  let looking: Promise<void> = Promise.resolve();

  const look = async () => {
    const now = clock.now();
    const { add, remove, next } = planRotation(caches.cookieKeys.values(), now, cookieKeyRotationMs);
    if (add !== undefined || remove.length > 0) {
      const secret = randomBytes(SECRET_BYTES).toString('base64url');
      await db.commit(async (tx) => {
        if (add !== undefined && !(await tx.entry(type, { kid: add })))
          tx.put(type, cookieKey(add, secret, now));
        for (const key of remove) if (await tx.entry(type, type.key(key))) tx.delete(type, type.key(key));
      });
      logger.info({ made: add, removed: remove.map(kidOf) }, 'Cookie keys of match engines rotated');
    }
    later(Math.max(0, Math.min(next - now, LOOK_MS)));
  };
  const later = (ms: number) => {
    if (stopped) return;
    cancel = clock.after(ms, () => {
      looking = look().catch((error: unknown) => {
        logger.warn({ reason: messageOf(error) }, 'Cookie keys of match engines not rotated');
        later(AGAIN_MS);
      });
    });
  };
  await look();
  return {
    async stop() {
      stopped = true;
      cancel();
      await looking;
    },
  };
}
