import { defineErrors, type EdgeplaneError, fail } from '@edgeplane/base';

/** Faults of the agent itself. Texts that reach users through an Info object are in `texts.ts`. */
export const agentErrors = defineErrors({
  CLOUDLET_KEY_MISSING: [
    'INVALID_ARGUMENT',
    'cloudletKey is not set: expected JSON such as {"operator_key":{"name":"op"},"name":"site"}, or the same in YAML',
  ],
  CLOUDLET_KEY_INVALID: ['INVALID_ARGUMENT', 'invalid cloudletKey {text}: {reason}'],
  UNKNOWN_PLATFORM: ['INVALID_ARGUMENT', 'unknown platform {name}, must be one of {known}'],
  INVALID_SETTING: ['INVALID_ARGUMENT', '{flag}: {rule}, but got "{value}"'],
  STATE_DIR_BUSY: ['FAILED_PRECONDITION', 'state directory {dir} is in use by agent process {pid}'],
  RECORD_BROKEN: ['DATA_LOSS', 'cannot read {path}: {reason}'],
  CLUSTER_UPDATE_UNSUPPORTED: ['UNIMPLEMENTED', 'update cluster not supported for {platform}'],
  NOT_PRESENT: ['NOT_FOUND', '{kind} {key} is not present on this cloudlet'],
  NOT_RUNNING: ['FAILED_PRECONDITION', 'app instance {key} does not run on this cloudlet, it is {state}'],
  TOO_MANY_SHELLS: ['RESOURCE_EXHAUSTED', '{max} remote shells are open at {where}, which is all it takes'],
  AGENT_STOPPING: ['UNAVAILABLE', 'the agent is stopping', 'retryable'],
  NO_LOAD_BALANCER: ['FAILED_PRECONDITION', 'public port {ports} needs the load balancer: {reason}'],
  IMAGE_NOT_FOUND: ['NOT_FOUND', 'image "{image}" not found: looked for {places}'],
  IMAGE_OUTSIDE: ['INVALID_ARGUMENT', 'image "{image}" leads out of the image directory'],
  NO_ROOM: [
    'RESOURCE_EXHAUSTED',
    'flavor {flavor}: {field} of {wanted} MB is needed{note}, and {have} MB are free on the host',
  ],
  NO_DEVICE: ['RESOURCE_EXHAUSTED', 'flavor {flavor}: devices has {wanted} of {kind}, and the host {have}'],
  DEVICE_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'flavor {flavor}: a {kind} cannot be given to deployment {deployment} on platform {platform}',
  ],
  NO_INNER_PORT: ['RESOURCE_EXHAUSTED', 'every port of {address} from {first} to {last} is in use'],
  NO_CONTAINERS: ['FAILED_PRECONDITION', 'no containers to run command in'],
});

/** The error of a flag whose value breaks a rule. */
export function settingInvalid(flag: string, rule: string, value: string | number): EdgeplaneError {
  return fail(agentErrors.INVALID_SETTING, { flag, rule, value });
}
