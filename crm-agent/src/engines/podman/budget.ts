/**
 * How a flavor is spread over the containers of a manifest. Each container wants its own limit (or request), and one
 * that names none wants an equal share of the flavor. If together they want more than there is, all get proportionally
 * less. If less, those that named none share what the others leave. So the parts never exceed the whole, and a
 * container that named a limit gets no more than it named.
 */
export function spreadBudget(total: number, wanted: readonly (number | undefined)[]): number[] {
  if (wanted.length === 0) return [];
  const equal = total / wanted.length;
  const wants = wanted.map((want) => want ?? equal);
  const sum = wants.reduce((a, b) => a + b, 0);
  if (sum > total) return wants.map((want) => (want * total) / sum);
  const open = wanted.filter((want) => want === undefined).length;
  const named = wanted.reduce<number>((a, want) => a + (want ?? 0), 0);
  return wanted.map((want) => want ?? (total - named) / open);
}

const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/** A Kubernetes quantity such as 250m, 64Mi or 0.5; undefined for anything else. */
export function parseQuantity(value: unknown): number | undefined {
  if (typeof value === 'number') return value >= 0 ? value : undefined;
  const match = /^(\d+(?:\.\d+)?(?:e\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti|)$/.exec(
    typeof value === 'string' ? value.trim() : '-',
  );
  return match ? Number(match[1]) * (SUFFIX[match[2] ?? ''] ?? 1) : undefined;
}
