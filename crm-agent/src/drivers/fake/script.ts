import { fail, parseDuration } from '@edgeplane/base';
import { agentErrors } from '../../errors.js';

/** Operations that a script can steer. */
export const FAKE_OPERATIONS = [
  'gather',
  'create-cluster',
  'update-cluster',
  'delete-cluster',
  'create-app',
  'update-app',
  'delete-app',
  'runtime',
] as const;
export type FakeOperation = (typeof FAKE_OPERATIONS)[number];

/** One order to fail. */
export interface FakeFailure {
  readonly text: string;
  /** Only the first time per instance. */
  readonly once: boolean;
}

/** A failure for the operations on instances whose App or cluster name matches. */
export interface FakeRule extends FakeFailure {
  readonly operation: FakeOperation;
  /** Name with `*` for any text. */
  readonly pattern: string;
}

/**
 * Reads the value of `--fake-fail`: `<operation>[@<name pattern>]=fail:<text>` or `=fail-once:<text>`, separated by
 * semicolons. @throws EdgeplaneError naming the part that cannot be read.
 */
export function parseFakeRules(text: string): readonly FakeRule[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => {
      const match = /^([a-z-]+)(?:@([^=]+))?=(.*)$/.exec(part);
      const operation = FAKE_OPERATIONS.find((o) => o === match?.[1]);
      const failure = parseFailure(match?.[3] ?? '');
      if (!match || !operation || !failure) {
        const rule = `each part must be <operation>[@<name pattern>]=fail:<text> or fail-once:<text> with one of ${FAKE_OPERATIONS.join(', ')}`;
        throw fail(agentErrors.INVALID_SETTING, { flag: '--fake-fail', rule, value: part });
      }
      return { operation, pattern: match[2]?.trim() ?? '*', ...failure };
    });
}

/** `fail:<text>` or `fail-once:<text>`; undefined for anything else. */
function parseFailure(text: string): FakeFailure | undefined {
  const match = /^fail(-once)?(?::([\s\S]*))?$/.exec(text);
  return match ? { once: match[1] !== undefined, text: match[2] || 'scripted failure' } : undefined;
}

export function ruleMatches(rule: FakeRule, operation: FakeOperation, name: string): boolean {
  if (rule.operation !== operation) return false;
  const source = rule.pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`).test(name);
}

/** What the annotations of an App ask of the fake driver for one sort of operation. */
export interface FakeAnnotations {
  readonly failure: FakeFailure | undefined;
  readonly delayMs: number | undefined;
}

/**
 * Reads `fake.<verb>=fail:<text>`, `fake.<verb>=fail-once:<text>` and `fake.<verb>.delay=<duration>` from
 * App.annotations (`key=value` pairs separated by commas). What cannot be read asks for nothing.
 */
export function readAnnotations(
  annotations: string,
  verb: 'create' | 'update' | 'delete' | 'runtime',
): FakeAnnotations {
  const pairs = pairsOf(annotations);
  return {
    failure: parseFailure(pairs.get(`fake.${verb}`) ?? ''),
    delayMs: durationOf(pairs.get(`fake.${verb}.delay`)),
  };
}

function pairsOf(annotations: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of annotations.split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) pairs.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  return pairs;
}

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

/**
 * What an App lets the fake driver claim that its instances use: `fake.cpu=<cores>` and `fake.memory=<MB>` in
 * App.annotations; 0 where nothing or no number is said.
 */
export function claimedUse(annotations: string): { readonly cores: number; readonly megabytes: number } {
  const number = (name: string) => Math.max(0, Number(pairsOf(annotations).get(name) ?? 0) || 0);
  return { cores: number('fake.cpu'), megabytes: number('fake.memory') };
}
