import { defineErrors } from '@edgeplane/base';

/** What the pod API refuses or reports. Each text names the field or the pod. */
export const auraeErrors = defineErrors({
  BAD_FIELD: ['INVALID_ARGUMENT', '{field}: {rule}, but got {value}'],
  NOT_OFFERED: ['FAILED_PRECONDITION', '{field}: {reason}'],
  NOT_PERMITTED: ['PERMISSION_DENIED', '{field}: {reason}'],
  POD_EXISTS: ['ALREADY_EXISTS', 'pod "{name}" is allocated with other content'],
  CONTAINER_EXISTS: ['ALREADY_EXISTS', 'container "{container}" of pod "{name}" exists with other content'],
  NO_POD: ['NOT_FOUND', 'pod "{name}" is not allocated'],
  NOTHING_ALLOCATED: ['FAILED_PRECONDITION', 'nothing allocated for this caller'],
  NO_OWN_POD: ['NOT_FOUND', 'nothing allocated for this caller'],
  NO_CONTAINER: ['NOT_FOUND', 'pod "{name}" has no container "{container}"'],
  WHICH_CONTAINER: ['INVALID_ARGUMENT', '{field}: pod "{name}" has {count} containers, so one must be named'],
  POD_HAS_NO_CONTAINERS: [
    'FAILED_PRECONDITION',
    'pod "{name}" has no containers: set PodServiceAllocateRequest.pod.containers (1, 103) or PodServiceStartRequest.containers (102), or have the host give one by --aurae-default-image',
  ],
  NO_IMPLICIT_PODS: [
    'FAILED_PRECONDITION',
    'this host gives no pod to calls that name none: set {field} and, to allocate, PodServiceAllocateRequest.pod.containers (1, 103)',
  ],
  NOT_RUNNING: ['FAILED_PRECONDITION', 'container "{container}" of pod "{name}" does not run'],
  POD_BUSY: ['ABORTED', 'pod "{name}": another {verb} is under way', 'retryable'],
  HALF_FREED: ['ABORTED', 'pod "{name}" is being freed: repeat Free', 'retryable'],
  INIT_FAILED: ['FAILED_PRECONDITION', 'init container "{container}" of pod "{name}" ended with {code}'],
  NOT_READY: [
    'DEADLINE_EXCEEDED',
    'container "{container}" of pod "{name}" runs, but was not ready within {limit} ms: {reason}',
    'retryable',
  ],
  IMAGE_UNKNOWN: ['NOT_FOUND', '{field}: image "{image}" does not exist: {reason}'],
  IMAGE_REFUSED: [
    'PERMISSION_DENIED',
    '{field}: the registry does not give image "{image}" to this host: {reason}',
  ],
  IMAGE_UNREACHABLE: ['UNAVAILABLE', '{field}: image "{image}" cannot be fetched now: {reason}', 'retryable'],
  IMAGE_DIFFERS: ['FAILED_PRECONDITION', '{field}: image "{image}" has digest {have}, not {wanted}'],
  NO_ROOM: ['RESOURCE_EXHAUSTED', 'pod "{name}": {reason}', 'retryable'],
  TOO_MANY_PODS: ['RESOURCE_EXHAUSTED', 'this host has {count} pods, which is the limit'],
  NO_HOST_PORT: ['RESOURCE_EXHAUSTED', '{field}: no free port was found'],
  PORT_TAKEN: ['RESOURCE_EXHAUSTED', '{field}: port {port} of the host belongs to another pod'],
  PODS_UNAVAILABLE: ['FAILED_PRECONDITION', 'this host cannot run pods: {reason}'],
  RECORD_BROKEN: ['DATA_LOSS', 'the record of a pod cannot be read: {reason}'],
  STOPPING: ['UNAVAILABLE', 'the agent is stopping', 'retryable'],
});
