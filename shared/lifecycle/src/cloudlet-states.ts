import { CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';

const C = CloudletState;

/** One state of a cloudlet's agent. */
export interface CloudletStateRow {
  readonly state: CloudletState;
  /** Spelling in stored values. */
  readonly name: string;
  readonly protoName: string;
  /** Work can be given to the agent. */
  readonly usable: boolean;
  readonly about: string;
}

/** Every state, in number order (controller spec sections 5 and 16.1). ERRORS is usable on purpose. */
export const CLOUDLET_STATES: readonly CloudletStateRow[] = [
  {
    state: C.CLOUDLET_STATE_UNKNOWN,
    name: 'CloudletStateUnknown',
    protoName: 'CLOUDLET_STATE_UNKNOWN',
    usable: false,
    about: 'never reported',
  },
  {
    state: C.CLOUDLET_STATE_ERRORS,
    name: 'CloudletStateErrors',
    protoName: 'CLOUDLET_STATE_ERRORS',
    usable: true,
    about: 'connected, but could not find out what the site has',
  },
  {
    state: C.CLOUDLET_STATE_READY,
    name: 'CloudletStateReady',
    protoName: 'CLOUDLET_STATE_READY',
    usable: true,
    about: 'connected and able to work',
  },
  {
    state: C.CLOUDLET_STATE_OFFLINE,
    name: 'CloudletStateOffline',
    protoName: 'CLOUDLET_STATE_OFFLINE',
    usable: false,
    about: 'its connection is gone',
  },
  {
    state: C.CLOUDLET_STATE_NOT_PRESENT,
    name: 'CloudletStateNotPresent',
    protoName: 'CLOUDLET_STATE_NOT_PRESENT',
    usable: false,
    about: 'no agent has reported for it',
  },
];

/** Who moves an agent's state: its own reports, or the controller that loses sight of it. */
export interface CloudletMove {
  readonly actor: 'agent' | 'controller';
  /** Undefined: any. */
  readonly from: CloudletState | undefined;
  /** Undefined: any that is reported. */
  readonly to: CloudletState | undefined;
  readonly why: string;
}

/** Moves of an agent's state (controller spec section 16.2). */
export const CLOUDLET_MOVES: readonly CloudletMove[] = [
  { actor: 'agent', from: undefined, to: undefined, why: 'reports its state' },
  {
    actor: 'controller',
    from: undefined,
    to: C.CLOUDLET_STATE_OFFLINE,
    why: 'withdrew its report, or its connection is gone',
  },
  {
    actor: 'controller',
    from: undefined,
    to: C.CLOUDLET_STATE_NOT_PRESENT,
    why: 'evicted, or the lease of its controller ended: the CloudletInfo is removed',
  },
];

/** Whether work can be given to an agent in this state. */
export function isUsable(state: CloudletState): boolean {
  return CLOUDLET_STATES.some((r) => r.state === state && r.usable);
}

/** `CLOUDLET_STATE_READY`; the decimal number when it is unknown. */
export function cloudletStateProtoName(state: CloudletState): string {
  return CLOUDLET_STATES.find((r) => r.state === state)?.protoName ?? String(state);
}
