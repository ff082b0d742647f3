import type { StatusName } from '@edgeplane/base';

/** What JSON can say. Whole numbers beyond 2^53 are to be texts. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export type OperationState = 'scheduled' | 'active' | 'completed' | 'failed';

export interface OperationFailure {
  /** Stable code of the error's catalogue entry. */
  readonly code: string;
  readonly status: StatusName;
  readonly message: string;
}

/** A long operation as it is kept on disk: plain JSON without secrets. Times are Unix milliseconds, 0 for not yet. */
export interface OperationRecord {
  /** Sorts by the order in which operations were submitted. */
  readonly id: string;
  readonly kind: string;
  /** What it acts on. */
  readonly subject: string;
  /** What it has for itself while it runs, and in the order of arrival. */
  readonly lanes: readonly string[];
  readonly request: Json;
  /** The caller's idempotency key; empty without one. */
  readonly requestId: string;
  /** Who asked for it. */
  readonly owner: string;
  readonly state: OperationState;
  /** For people: what it does, or how it ended. */
  readonly message: string;
  /** The last step that the runner told; empty before the first. */
  readonly step: string;
  /** What the runner told with its steps, to go on from after a restart. */
  readonly data: Json;
  readonly progressPermille: number;
  /** Counts the changes that watchers may see; only grows, and leaps at a restart. */
  readonly seq: number;
  readonly error: OperationFailure | null;
  readonly result: Readonly<Record<string, string>>;
  /** How often it was begun, but for those that the agent broke off in good order. */
  readonly attempts: number;
  /** Somebody wants it to end. */
  readonly cancelled: boolean;
  readonly createdMs: number;
  readonly startedMs: number;
  readonly updatedMs: number;
  readonly finishedMs: number;
}

export function isFinished({ state }: Pick<OperationRecord, 'state'>): boolean {
  return state === 'completed' || state === 'failed';
}

const TEXTS = ['id', 'kind', 'subject', 'requestId', 'owner', 'message', 'step'] as const;
const NUMBERS = [
  ...(['progressPermille', 'seq', 'attempts'] as const),
  ...(['createdMs', 'startedMs', 'updatedMs', 'finishedMs'] as const),
];
const STATES: readonly unknown[] = ['scheduled', 'active', 'completed', 'failed'] satisfies OperationState[];

/** Reads a record from parsed JSON. @throws Error naming the member that is not what it should be */
export function toOperationRecord(json: unknown): OperationRecord {
  const members = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const need = (name: string, good: boolean) => {
    if (!good)
      throw new Error(`it is no record of an operation: ${name} is ${JSON.stringify(members[name])}`);
  };
  for (const name of TEXTS) need(name, typeof members[name] === 'string');
  for (const name of NUMBERS) need(name, typeof members[name] === 'number');
  need('state', STATES.includes(members['state']));
  need('lanes', Array.isArray(members['lanes']) && members['lanes'].every((l) => typeof l === 'string'));
  need('result', typeof members['result'] === 'object' && members['result'] !== null);
  need('error', typeof members['error'] === 'object');
  need('cancelled', typeof members['cancelled'] === 'boolean');
  need('request', members['request'] !== undefined);
  need('data', members['data'] !== undefined);
  return json as OperationRecord;
}

/** One text for equal values, whatever the order of their members. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value as Readonly<Record<string, Json>>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}
