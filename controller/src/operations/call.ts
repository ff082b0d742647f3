import { type OverrideEffects, overrideEffects } from '@edgeplane/lifecycle';
import { OBJECTS, validateEnums } from '@edgeplane/objects';
import type { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';

/** Tells the caller of an operation what happens; never blocks and never fails. */
export type Say = (text: string) => void;

/** What an operation and everything it does on the way have in common (controller spec section 15.3). */
export interface Call {
  readonly overrides: OverrideEffects;
  readonly say: Say;
}

export const silent: Say = () => undefined;

/** @throws EdgeplaneError `invalid CrmOverride` */
export function newCall(override: CRMOverride, say: Say): Call {
  validateEnums(OBJECTS.ClusterInst.schema, { ...OBJECTS.ClusterInst.empty(), crmOverride: override });
  return { overrides: overrideEffects(override), say };
}
