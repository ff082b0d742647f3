import type { RemoteTiming } from './timing.js';

/** So short that tests need not wait, and still long beside what one call takes on a busy machine. */
export const TEST_TIMING: RemoteTiming = {
  patienceMs: 20_000,
  retryMs: { base: 2, max: 50 },
  pollMs: { base: 2, max: 10 },
  upMs: 30_000,
  graceMs: 1000,
  watchMs: 20,
  sweepMs: 50,
  silentMs: 100,
  recoverMs: 10_000,
};
