import { HypervisorState } from '@edgeplane/proto/southbound/isard/operations/v1/operations.js';
import type { Condition } from './driver.js';

/** What is known of a host: how it was when last looked at, or why that could not be told. */
export type Known =
  | { readonly condition: Condition; readonly detail: string }
  | { readonly condition: undefined; readonly detail: string };

export interface ShownState {
  readonly state: HypervisorState;
  readonly detail: string;
}

/**
 * What may be done with a host (IsardVDI spec section A5). Nothing while an operation is on it, so that nobody acts twice, and
 * nothing when it is not known how it is.
 */
export function shownState(known: Known, operation: string | undefined): ShownState {
  const unknown = HypervisorState.HYPERVISOR_STATE_UNKNOWN;
  if (operation !== undefined) return { state: unknown, detail: `operation ${operation} is under way` };
  switch (known.condition) {
    case 'off':
      return { state: HypervisorState.HYPERVISOR_STATE_AVAILABLE_TO_CREATE, detail: known.detail };
    case 'ready':
      return { state: HypervisorState.HYPERVISOR_STATE_AVAILABLE_TO_DESTROY, detail: known.detail };
    case 'not-ready':
    case undefined:
      return { state: unknown, detail: known.detail };
  }
}
