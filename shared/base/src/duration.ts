const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Parses a Go-style duration (`1h30m`, `250ms`, `-2.5s`, `0`) to milliseconds.
 * @throws RangeError that names the text when it is not a duration.
 */
export function parseDuration(text: string): number {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/.exec(text.trim());
  if (text.trim() === '0') return 0;
  if (!match) throw new RangeError(`invalid duration "${text}": expected a form such as 1h30m, 45s or 250ms`);
  let total = 0;
  for (const [, value, unit] of (match[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(value) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return match[1] === '-' ? -total : total;
}
