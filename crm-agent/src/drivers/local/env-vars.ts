import { fail, messageOf } from '@edgeplane/base';
import type { ConfigFile } from '@edgeplane/proto/edgeproto/app.js';
import { parse } from 'yaml';
import { localErrors } from './errors.js';

/** A Kubernetes EnvVar: a name with a value, or with a source that only Kubernetes understands. */
export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: unknown;
}

/**
 * All variables of an App's configs of kind `envVarsYaml`, in order (spec section 13.1): each is a YAML list of EnvVar.
 * Numbers and booleans become the text they were written as.
 * @throws EdgeplaneError naming the rule and the value.
 */
export function readEnvVars(configs: readonly ConfigFile[]): readonly EnvVar[] {
  return configs.filter((c) => c.kind === 'envVarsYaml').flatMap((c) => readList(c.config));
}

function readList(text: string): readonly EnvVar[] {
  const refuse = (rule: string, value: unknown) =>
    fail(localErrors.BAD_ENV_VARS, {
      rule,
      value: typeof value === 'string' ? value : (JSON.stringify(value) ?? ''),
    });
  let list: unknown;
  try {
    // The core schema without numbers and booleans: a variable is text, and 007 must stay 007.
    list = parse(text, { schema: 'failsafe' });
  } catch (error) {
    throw refuse(`must be YAML (${messageOf(error).split('\n')[0]})`, text);
  }
  if (list === null || list === '') return [];
  if (!Array.isArray(list)) throw refuse('must be a list of variables', list);
  return list.map((item: unknown) => {
    const { name, value, valueFrom } = (item ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || name === '') throw refuse('each variable must have a name', item);
    if (valueFrom !== undefined) return { name, valueFrom };
    if (value === undefined || value === null) return { name, value: '' };
    if (typeof value !== 'string') throw refuse(`the value of ${name} must be text`, value);
    return { name, value };
  });
}
