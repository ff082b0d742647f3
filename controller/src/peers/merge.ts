/**
 * The results of several pieces of work in the order in which they come. The work starts with the iteration and must not
 * reject; its signal aborts when the iteration is left early and when `signal` does.
 */
export async function* merge<T extends object>(
  start: (signal: AbortSignal) => readonly Promise<T>[],
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const abort = new AbortController();
  const forward = () => abort.abort(signal?.reason);
  if (signal?.aborted) forward();
  else signal?.addEventListener('abort', forward, { once: true });
  const arrived: T[] = [];
  let wake = () => {};
  const work = start(abort.signal).map(async (one) => {
    arrived.push(await one);
    wake();
  });
  let given = 0;
  try {
    while (given < work.length) {
      const next = arrived.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (arrived.length > 0) resolve();
        });
        continue;
      }
      given += 1;
      yield next;
    }
  } finally {
    signal?.removeEventListener('abort', forward);
    abort.abort(new Error('no longer asked for'));
    await Promise.all(work);
  }
}
