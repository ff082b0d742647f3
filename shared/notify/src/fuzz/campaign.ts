import type { Clock } from '@edgeplane/base';
import { fuzzDecoder } from './decoder-fuzz.js';
import { fuzzSessions } from './session-fuzz.js';

/** What was done, and what came of it. */
export interface Outcome {
  readonly seeds: number;
  /** With the seed and, of a decoder, the input. */
  readonly faults: readonly string[];
}

/** Faults after which it is enough. */
const MOST_FAULTS = 10;

/**
 * Decoders and sessions with seeds from `first` on, for so long or so many. A promise that is rejected and an error that is
 * thrown where nobody waits are faults too.
 */
export async function fuzz(
  clock: Clock,
  first: number,
  until: { readonly seconds: number; readonly seeds: number },
): Promise<Outcome> {
  const faults: string[] = [];
  const end = clock.monotonic() + until.seconds * 1000;
  let seed = first;
  const unheard = (error: unknown) => {
    faults.push(`seed ${seed}: unheard: ${error instanceof Error ? error.stack : error}`);
  };
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  for (const event of events) process.on(event, unheard);
  try {
    for (; seed < first + until.seeds && clock.monotonic() < end && faults.length < MOST_FAULTS; seed++) {
      for (const { what, bytes } of fuzzDecoder(seed, clock))
        faults.push(`seed ${seed}: ${what}: ${bytes.toString('hex')}`);
      for (const fault of await fuzzSessions(seed)) faults.push(`seed ${seed}: ${fault}`);
    }
  } finally {
    for (const event of events) process.removeListener(event, unheard);
  }
  return { seeds: seed - first, faults };
}
