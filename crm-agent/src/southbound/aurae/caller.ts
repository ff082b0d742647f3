import type { RpcContext } from '@edgeplane/rpc';
import { shortHash } from '../../host-names.js';
import { callerOf } from '../identity.js';

/** Who makes a call. */
export interface PodCaller {
  /** The same for every call of one identity; never a secret. */
  readonly key: string;
  /** Whose pods it sees: the organization that its certificate names; empty when none does. */
  readonly tenant: string;
}

export function podCallerOf(context: Pick<RpcContext, 'identity' | 'metadata'>): PodCaller {
  return { key: callerOf(context), tenant: context.identity?.organizations[0] ?? '' };
}

const OWN = /^default-[0-9a-f]{12}$/;

/** Name of the pod that calls without one act on. */
export const ownPodName = ({ key }: PodCaller): string => `default-${shortHash(key)}`;

/** Names that only their own caller may use. */
export const isOwnPodName = (name: string): boolean => OWN.test(name);
