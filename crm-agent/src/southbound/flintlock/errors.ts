import { defineErrors } from '@edgeplane/base';

/**
 * What callers are told: flintlock's own texts (flintlock spec section 2.3), with the status that says what is meant where
 * flintlock has UNKNOWN. Its clients look for the words "not found" and nothing else.
 */
export const flintlockErrors = defineErrors({
  SPEC_REQUIRED: ['INVALID_ARGUMENT', 'invalid create microvm request: MicroVMSpec required'],
  NAME_REQUIRED: ['INVALID_ARGUMENT', 'converting request: creating vmid from spec: {what} is required'],
  INVALID_2021: ['INVALID_ARGUMENT', 'an error occurred when attempting to validate the request: {failures}'],
  INVALID_CURRENT: [
    'INVALID_ARGUMENT',
    '{verb} microvm: an error occurred when attempting to validate microvm spec: {failures}',
  ],
  BAD_FIELD: ['INVALID_ARGUMENT', '{verb} microvm: {field} {rule}, but got {value}'],
  BAD_METADATA: ['INVALID_ARGUMENT', '{verb} microvm: base64 decoding metadata {name}: {reason}'],
  BAD_INSTANCE_DATA: ['INVALID_ARGUMENT', '{verb} microvm: adding instance data: {reason}'],
  NO_PROVIDER: ['INVALID_ARGUMENT', "{verb} microvm: microvm provider {name} isn't available"],
  NO_VIRTIOFS: ['UNIMPLEMENTED', '{verb} microvm: virtiofs not supported by the microvm provider'],
  NO_GUEST_AGENT: [
    'UNIMPLEMENTED',
    '{verb} microvm: guest agent (vsock) not supported by the microvm provider',
  ],
  EXISTS: ['ALREADY_EXISTS', 'creating microvm: microvm spec {namespace}/{id} already exists'],
  OTHER_REQUEST: [
    'ALREADY_EXISTS',
    'creating microvm: request {request} has made microvm spec {namespace}/{id} already, with another specification',
  ],
  NO_ROOM: ['RESOURCE_EXHAUSTED', 'creating microvm: {reason}', 'retryable'],
  INVALID_REQUEST: ['INVALID_ARGUMENT', 'invalid request'],
  PART_REQUIRED: ['INVALID_ARGUMENT', '{doing}: microvm {part} is required'],
  NAMESPACE_REQUIRED: ['INVALID_ARGUMENT', 'getting all microvms: namespace is required'],
  GET_NOT_FOUND: [
    'NOT_FOUND',
    'getting microvm: error attempting to locate microvm with uid: {uid}: microvm spec //{uid} not found',
  ],
  GET_NOT_FOUND_2021: [
    'NOT_FOUND',
    'getting microvm: error attempting to locate microvm with id: {id}, in namespace: {namespace}: microvm spec {namespace}/{id} not found',
  ],
  DELETE_NOT_FOUND: [
    'NOT_FOUND',
    'deleting microvm: checking to see if spec exists: microvm spec {name} not found',
  ],
  UPDATE_NOT_FOUND: [
    'NOT_FOUND',
    'updating microvm: checking to see if spec exists: microvm spec {name} not found',
  ],
  BEING_DELETED: ['FAILED_PRECONDITION', 'updating microvm: microvm spec {name} is being deleted'],
  IMMUTABLE: ['INVALID_ARGUMENT', 'updating microvm: {field} of a microvm cannot be changed'],
  BAD_MASK: ['INVALID_ARGUMENT', 'updating microvm: update_mask names "{path}", which no MicroVMSpec has'],
  NO_ROUTE: ['NOT_FOUND', '{method} {path} is no route of this API'],
  BAD_HTTP: ['INVALID_ARGUMENT', 'the request cannot be read: {reason}'],
  IMAGE_PATH: [
    'PERMISSION_DENIED',
    'image "{image}" is a file of the host; only those below the image directory may be used',
  ],
  DIED: ['UNAVAILABLE', 'the virtual machine ended by itself: {reason}', 'retryable'],
  STOPPING: ['UNAVAILABLE', 'the agent is stopping', 'retryable'],
  BROKEN_RECORD: ['DATA_LOSS', 'record of microVM {uid} is of an unknown form'],
});
