import { goDuration } from './go-duration.js';

/** A decoded token's times, Unix seconds. */
export interface TimeClaims {
  readonly exp?: unknown;
  readonly iat?: unknown;
  readonly nbf?: unknown;
}

/**
 * What is wrong with a token's times at `now` (Unix seconds); undefined when nothing is. A token lives through the
 * whole second of its `exp` (match engine spec section 3.3). Times that are absent are not checked.
 */
export function timeFault(claims: TimeClaims, now: number): string | undefined {
  for (const name of ['exp', 'iat', 'nbf'] as const) {
    const value = claims[name];
    if (value !== undefined && (typeof value !== 'number' || !Number.isFinite(value)))
      return `token has a bad "${name}" claim`;
  }
  const { exp, iat, nbf } = claims as { exp?: number; iat?: number; nbf?: number };
  if (exp !== undefined && now > exp) return `token is expired by ${goDuration(Math.ceil(now - exp))}`;
  if (iat !== undefined && iat > now) return 'Token used before issued';
  if (nbf !== undefined && nbf > now) return 'token is not valid yet';
  return undefined;
}

/** The payload of a verified token; undefined when it is not a JSON object. */
export function parseClaims(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload).toString());
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims)
      ? (claims as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
