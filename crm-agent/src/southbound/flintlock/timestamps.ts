/** The same in both dialects. */
export interface WireTimestamp {
  seconds: bigint;
  nanos: number;
}

/** @param ms milliseconds since the epoch */
export function timestampOf(ms: number): WireTimestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
