import type { PeerIdentity } from '@edgeplane/rpc';

/** Everything, where a resource or an organization is asked for. */
export const ANY = '*';

/** Whom a grant is for: every condition that is given must hold. */
export interface Who {
  /** Common name of the client certificate. */
  readonly commonName?: string;
  /** One of the organizations of the client certificate. */
  readonly organization?: string;
  /** Callers without a certificate as well. */
  readonly anyone?: boolean;
}

/** One thing that a grant allows. */
export interface Allowance {
  /** As the protos name it, such as `ResourceApps`; `*` is every resource. */
  readonly resource: string;
  /** Managing includes viewing. */
  readonly action: 'ActionView' | 'ActionManage';
  /** Name of the developer or operator whose objects it is about; `*` is all of them. */
  readonly org: string;
}

export interface Grant {
  readonly who: Who;
  readonly allow: readonly Allowance[];
}

/** Who may do what. What no grant allows is refused. */
export interface Policy {
  readonly grants: readonly Grant[];
}

/** Whether a grant is for a caller. */
export function isFor(who: Who, identity: PeerIdentity | undefined): boolean {
  if (who.commonName !== undefined && who.commonName !== identity?.commonName) return false;
  if (who.organization !== undefined && !identity?.organizations.includes(who.organization)) return false;
  return who.anyone === true || identity !== undefined;
}

/** What a call is about. An empty `org` is every organization, where the resource belongs to organizations. */
export interface Question {
  readonly resource: string;
  readonly action: string;
  /** Undefined: the resource belongs to no organization. */
  readonly org: string | undefined;
}

/** Whether some grant allows it. */
export function isAllowed(policy: Policy, identity: PeerIdentity | undefined, question: Question): boolean {
  return policy.grants.some(
    ({ who, allow }) => isFor(who, identity) && allow.some((allowance) => covers(allowance, question)),
  );
}

function covers(allowance: Allowance, { resource, action, org }: Question): boolean {
  return (
    (allowance.resource === ANY || allowance.resource === resource) &&
    (allowance.action === 'ActionManage' || allowance.action === action) &&
    (allowance.org === ANY || org === undefined || allowance.org === org)
  );
}
