/** How long things take with infrastructure that is somebody else's, milliseconds. */
export interface RemoteTiming {
  /** How long work goes on without an answer. */
  readonly patienceMs: number;
  /** Between two tries of a call that failed: the bound of the first, and of the longest. */
  readonly retryMs: { readonly base: number; readonly max: number };
  /** Between two looks at something that takes a while: the first, and the longest. */
  readonly pollMs: { readonly base: number; readonly max: number };
  /** How long a machine may take to be up, and to have an address. */
  readonly upMs: number;
  /** How long a guest may take to shut down before its power is taken. */
  readonly graceMs: number;
  /** How often a machine that is ready is looked at. */
  readonly watchMs: number;
  /** How often leftovers are looked for. */
  readonly sweepMs: number;
  /** After this long without an answer users are told. */
  readonly silentMs: number;
  /** How long the start of the agent waits for what is there. */
  readonly recoverMs: number;
}

export const REMOTE_TIMING: RemoteTiming = {
  patienceMs: 120_000,
  retryMs: { base: 250, max: 10_000 },
  pollMs: { base: 500, max: 5000 },
  upMs: 600_000,
  graceMs: 60_000,
  watchMs: 10_000,
  sweepMs: 300_000,
  silentMs: 60_000,
  recoverMs: 20_000,
};
