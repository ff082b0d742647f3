import { readFileSync } from 'node:fs';
import { fail, messageOf } from '@edgeplane/base';
import { parseDocument } from 'yaml';
import { controllerErrors } from '../errors.js';
import { type Allowance, ANY, type Policy, type Who } from './policy.js';

/**
 * Reads a policy file; see {@link parsePolicy}.
 * @throws EdgeplaneError ACCESS_POLICY_UNREADABLE, ACCESS_POLICY_INVALID
 */
export function loadPolicy(file: string, resources: ReadonlySet<string>): Policy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fail(
      controllerErrors.ACCESS_POLICY_UNREADABLE,
      { file, reason: messageOf(error) },
      { cause: error },
    );
  }
  return parsePolicy(text, file, resources);
}

/**
 * Reads a policy from YAML or JSON: `grants`, each with `who` (`common_name`, `organization`, `anyone`) and `allow` (a
 * list of `resource`, `action`, `org`). `file` and `resources`, the names that the protos know, are for errors.
 * @throws EdgeplaneError ACCESS_POLICY_INVALID naming the place, the rule and the value
 */
export function parsePolicy(text: string, file: string, resources: ReadonlySet<string>): Policy {
  const bad = (place: string, rule: string, value: unknown) =>
    fail(controllerErrors.ACCESS_POLICY_INVALID, {
      file,
      place,
      rule,
      value: JSON.stringify(value) ?? 'nothing',
    });
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw bad(`line ${error.linePos?.[0].line ?? 1}`, 'must be YAML', error.message.split('\n')[0]);

  const members = (value: unknown, place: string, known: readonly string[]): Record<string, unknown> => {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw bad(place, 'must be a mapping', value);
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) throw bad(`${place}.${name}`, `is none of ${known.join(', ')}`, name);
    }
    return value as Record<string, unknown>;
  };
  const list = (value: unknown, place: string): unknown[] => {
    if (!Array.isArray(value)) throw bad(place, 'must be a list', value);
    return value;
  };
  const name = (value: unknown, place: string): string => {
    if (typeof value !== 'string' || value === '')
      throw bad(place, 'must be a text that is not empty', value);
    return value;
  };
  const who = (value: unknown, place: string): Who => {
    const given = members(value, place, ['common_name', 'organization', 'anyone']);
    if (Object.keys(given).length === 0) throw bad(place, 'must have a condition', value);
    if (given['anyone'] !== undefined && given['anyone'] !== true)
      throw bad(`${place}.anyone`, 'must be true', given['anyone']);
    return {
      ...(given['common_name'] !== undefined && {
        commonName: name(given['common_name'], `${place}.common_name`),
      }),
      ...(given['organization'] !== undefined && {
        organization: name(given['organization'], `${place}.organization`),
      }),
      ...(given['anyone'] === true && { anyone: true }),
    };
  };
  const allowance = (value: unknown, place: string): Allowance => {
    const given = members(value, place, ['resource', 'action', 'org']);
    const resource = name(given['resource'], `${place}.resource`);
    if (resource !== ANY && !resources.has(resource)) {
      throw bad(`${place}.resource`, `must be one of ${[...resources].sort().join(', ')} or *`, resource);
    }
    const action = name(given['action'], `${place}.action`);
    if (action !== 'ActionView' && action !== 'ActionManage') {
      throw bad(`${place}.action`, 'must be ActionView or ActionManage', action);
    }
    return { resource, action, org: name(given['org'], `${place}.org`) };
  };
  const root = members(document.toJS() ?? {}, 'policy', ['grants']);
  const grants = list(root['grants'], 'grants').map((value, i) => {
    const place = `grants[${i}]`;
    const given = members(value, place, ['who', 'allow']);
    const allow = list(given['allow'], `${place}.allow`);
    return {
      who: who(given['who'], `${place}.who`),
      allow: allow.map((each, k) => allowance(each, `${place}.allow[${k}]`)),
    };
  });
  return { grants };
}
