import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';

/** What a CRMOverride means for one call (controller spec section 15.3). */
export interface OverrideEffects {
  /** The agent is not asked and not waited for. */
  readonly ignoresAgent: boolean;
  /** Its failure counts as success. */
  readonly ignoresAgentErrors: boolean;
  /** An operation under way is taken over. */
  readonly takesOver: boolean;
}

export const NO_OVERRIDES: OverrideEffects = {
  ignoresAgent: false,
  ignoresAgentErrors: false,
  takesOver: false,
};

/** Every override and what it does. */
export const OVERRIDES: Readonly<Record<CRMOverride, OverrideEffects>> = {
  [CRMOverride.NO_OVERRIDE]: NO_OVERRIDES,
  [CRMOverride.IGNORE_CRM_ERRORS]: { ...NO_OVERRIDES, ignoresAgentErrors: true },
  [CRMOverride.IGNORE_CRM]: { ...NO_OVERRIDES, ignoresAgent: true },
  [CRMOverride.IGNORE_TRANSIENT_STATE]: { ...NO_OVERRIDES, takesOver: true },
  [CRMOverride.IGNORE_CRM_AND_TRANSIENT_STATE]: { ...NO_OVERRIDES, ignoresAgent: true, takesOver: true },
};

/** Effects of an override; an unknown number has none. */
export function overrideEffects(override: CRMOverride): OverrideEffects {
  return (OVERRIDES as Readonly<Record<number, OverrideEffects>>)[override] ?? NO_OVERRIDES;
}
