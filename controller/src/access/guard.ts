import { fail } from '@edgeplane/base';
import { type MethodSchema, SERVICES } from '@edgeplane/objects';
import { type Authorize, certificateFingerprint, type TlsMaterial } from '@edgeplane/rpc';
import { controllerErrors } from '../errors.js';
import { isAllowed, type Policy, type Question } from './policy.js';

/** Resource of methods about which the protos say nothing: the controllers themselves, and what only operators of them touch. */
const SYSTEM = 'ResourceSystem';

interface Rule {
  readonly resource: string;
  readonly action: string;
  /** Path to the name of the organization in the request, in member names; empty: it has none. */
  readonly org: readonly string[];
  /** Anyone may view it. */
  readonly open: boolean;
}

/** Names of resources that a policy can be about. */
export function accessResources(): ReadonlySet<string> {
  return new Set([...rules().values()].map(({ resource }) => resource));
}

/**
 * What every call passes before its handler, by the access options of the protos (controller spec section 2). A caller
 * with this controller's own certificate is another controller and may do everything.
 */
export function accessGuard(policy: Policy, tls: TlsMaterial | undefined): Authorize {
  const byPath = rules();
  const own = tls && certificateFingerprint(tls);
  return ({ path, identity }, request) => {
    const rule = byPath.get(path) ?? ruleOf({ name: path.slice(path.lastIndexOf('/') + 1) });
    if (rule.open || (own !== undefined && identity?.fingerprint === own)) return;
    const question: Question = {
      resource: rule.resource,
      action: rule.action,
      org: rule.org.length === 0 ? undefined : textAt(request, rule.org),
    };
    if (isAllowed(policy, identity, question)) return;
    throw fail(controllerErrors.ACCESS_DENIED, {
      who: identity ? `"${identity.commonName}"` : 'a caller without a certificate',
      action: question.action,
      resource: question.resource,
      org: orgText(rule, question.org),
    });
  };
}

function orgText(rule: Rule, org: string | undefined): string {
  if (org === undefined) return '';
  const field = rule.org.map(snake).join('.');
  return org === '' ? ` of every organization; set ${field} to see those of one` : ` of ${field} "${org}"`;
}

/** Rules by method path. Health and reflection are not among them. */
function rules(): Map<string, Rule> {
  const found = new Map<string, Rule>();
  for (const service of Object.values(SERVICES)) {
    for (const method of service.methods) found.set(`/${service.name}/${method.name}`, ruleOf(method));
  }
  return found;
}

function ruleOf({ name, access }: Pick<MethodSchema, 'name' | 'access'>): Rule {
  if (!access) {
    return {
      resource: SYSTEM,
      action: name.startsWith('Show') ? 'ActionView' : 'ActionManage',
      org: [],
      open: false,
    };
  }
  const org = access.org === '' ? [] : access.org.split('.').map(camel);
  return { resource: access.resource, action: access.action, org, open: access.open };
}

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function textAt(message: unknown, path: readonly string[]): string {
  let at: unknown = message;
  for (const name of path) at = (at as Record<string, unknown> | undefined)?.[name];
  return typeof at === 'string' ? at : '';
}
