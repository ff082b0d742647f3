import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@edgeplane/base';

/** To be awaited after each step of long work; undefined, and so at once, unless others are due their turn. */
export type Breathe = () => Promise<void> | undefined;

/** How long work may go on before others get their turn, milliseconds. */
const BREATH_MS = 2;

/** Lets long work in small steps give way: the event loop is kept for hardly longer than 2 ms. */
export function breather(clock: Clock): Breathe {
  let since = clock.monotonic();
  const rest = async () => {
    await setImmediate();
    since = clock.monotonic();
  };
  return () => (clock.monotonic() - since < BREATH_MS ? undefined : rest());
}
