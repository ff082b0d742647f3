import { messageOf, sleep, systemClock } from '@edgeplane/base';

/**
 * Waits until `condition` returns something truthy and returns it. A condition that throws does not hold yet.
 * @throws Error with `what` and the last failure when the time is up.
 */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T> | T,
  timeoutMs = 30_000,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const until = systemClock.monotonic() + timeoutMs;
  let last = 'it never held';
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, undefined | null | false | 0 | ''>;
    } catch (error) {
      last = messageOf(error);
    }
    if (systemClock.monotonic() > until)
      throw new Error(`${what}: not within ${timeoutMs / 1000} s: ${last}`);
    await sleep(systemClock, 50);
  }
}
