import type { Condition, Gpu, HostFacts, Observation } from './driver.js';

/** What a line of an operator's program says. */
export type ProgramLine =
  | { readonly kind: 'progress'; readonly permille: number; readonly message: string }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'observation'; readonly observation: Observation };

const CONDITIONS: readonly Condition[] = ['off', 'ready', 'not-ready'];

/**
 * Reads one line of JSON: `{"progress": 0..1000, "message": ...}`, `{"error": ...}` or `{"state": "off" | "ready" | "not-ready",
 * "detail", "cpus", "ram_bytes", "storage", "gpus": [{"brand", "model"}], "running_instances"}`.
 * @throws Error telling what is wrong with it
 */
export function parseProgramLine(line: string): ProgramLine {
  const json = JSON.parse(line) as unknown;
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error('is not a JSON object');
  const members = json as Readonly<Record<string, unknown>>;
  if (members['error'] !== undefined) return { kind: 'error', message: textOf(members, 'error') };
  if (members['progress'] !== undefined)
    return {
      kind: 'progress',
      permille: countOf(members, 'progress'),
      message: textOf(members, 'message', ''),
    };
  const condition = CONDITIONS.find((one) => one === members['state']);
  if (condition === undefined)
    throw new Error(
      `state has to be one of ${CONDITIONS.join(', ')}, not ${JSON.stringify(members['state'])}`,
    );
  return {
    kind: 'observation',
    observation: {
      ...{ condition, detail: textOf(members, 'detail', `its program says ${condition}`) },
      ...(members['cpus'] !== undefined && { facts: factsOf(members) }),
      ...(members['running_instances'] !== undefined && {
        runningInstances: countOf(members, 'running_instances'),
      }),
    },
  };
}

function factsOf(members: Readonly<Record<string, unknown>>): HostFacts {
  return {
    cpus: countOf(members, 'cpus'),
    ramBytes: countOf(members, 'ram_bytes'),
    storage: members['storage'] === true,
    gpus: gpusOf(members['gpus'] ?? []),
  };
}

function gpusOf(value: unknown): readonly Gpu[] {
  if (!Array.isArray(value)) throw new Error('gpus has to be a list');
  return value.map((one: unknown) => {
    const members = (typeof one === 'object' && one !== null ? one : {}) as Readonly<Record<string, unknown>>;
    return { brand: textOf(members, 'brand'), model: textOf(members, 'model') };
  });
}

function textOf(members: Readonly<Record<string, unknown>>, name: string, fallback?: string): string {
  const value = members[name] ?? fallback;
  if (typeof value !== 'string') throw new Error(`${name} has to be a text, not ${JSON.stringify(value)}`);
  return value.slice(0, 1000);
}

function countOf(members: Readonly<Record<string, unknown>>, name: string): number {
  const value = members[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Error(`${name} has to be a whole number from 0 up, not ${JSON.stringify(value)}`);
  return value;
}
