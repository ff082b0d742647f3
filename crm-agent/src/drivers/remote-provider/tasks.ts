import { Backoff, type Clock, type Random, sleep } from '@edgeplane/base';
import { type Patience, Tries, verdictOf } from '../remote/call-policy.js';
import type { RemoteTiming } from '../remote/timing.js';
import type { Provider } from './provider.js';

/** How a task ended. `forgotten`: the provider does not know it any more, so only the machine itself can tell. */
export type TaskEnd =
  | { readonly end: 'done' | 'forgotten' }
  | { readonly end: 'failed'; readonly error: string };

export interface TaskOptions {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly random: Random;
  readonly timing: RemoteTiming;
}

/**
 * Waits for the end of a task, however long it takes: `done` or an error, whichever a provider gives. A provider that goes away
 * meanwhile is waited for as long as for any call.
 */
export async function taskEnd(task: string, o: TaskOptions, signal: AbortSignal): Promise<TaskEnd> {
  const { provider, clock, random, timing } = o;
  const patience: Patience = { clock, random, signal, ...timing };
  const pause = new Backoff(timing.pollMs, random);
  let tries = new Tries(patience);
  for (;;) {
    signal.throwIfAborted();
    try {
      const { done, error } = await provider.taskStatus(task, signal);
      if (error !== '') return /not found/i.test(error) ? { end: 'forgotten' } : { end: 'failed', error };
      if (done) return { end: 'done' };
      tries = new Tries(patience);
    } catch (error) {
      if (['missing', 'refused'].includes(verdictOf(error)) && !signal.aborted) return { end: 'forgotten' };
      await tries.failed(error);
      continue;
    }
    await sleep(clock, pause.next(), signal);
  }
}
