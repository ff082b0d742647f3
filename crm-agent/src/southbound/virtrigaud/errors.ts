import { defineErrors } from '@edgeplane/base';

/** What a manager may be told, beside the faults of the engine. Texts of missing things are those it knows. */
export const virtrigaudErrors = defineErrors({
  FIELD_INVALID: ['INVALID_ARGUMENT', '{field} must be {rule}, got {value}'],
  NOT_JSON: ['INVALID_ARGUMENT', '{field} must be JSON: {reason}'],
  NOT_AVAILABLE: ['FAILED_PRECONDITION', '{field}: {what} is not available on this host'],
  NOT_IMPLEMENTED: ['UNIMPLEMENTED', 'operation not implemented: {what}'],
  VM_NOT_FOUND: ['NOT_FOUND', 'VirtualMachine "{id}" not found'],
  VM_EXISTS: ['ALREADY_EXISTS', 'VirtualMachine "{name}" exists with a different {field}'],
  SNAPSHOT_EXISTS: ['ALREADY_EXISTS', 'Snapshot "{name}" of VirtualMachine "{id}" exists'],
  SNAPSHOT_NOT_FOUND: ['NOT_FOUND', 'Snapshot "{name}" of VirtualMachine "{id}" not found'],
  MEMORY_NEEDS_POWER: [
    'FAILED_PRECONDITION',
    'include_memory: VirtualMachine "{id}" is off and has no memory to save',
  ],
  DISK_NOT_FOUND: ['NOT_FOUND', 'Disk "{disk}" of VirtualMachine "{id}" not found'],
  DISK_EXISTS: ['ALREADY_EXISTS', 'Disk "{name}" exists and came from elsewhere'],
  IMAGE_NOT_FOUND: ['NOT_FOUND', '{field}: Image "{image}" not found'],
  IMAGE_EXISTS: ['ALREADY_EXISTS', 'Image "{name}" exists and came from elsewhere'],
  IMAGE_OUTSIDE: [
    'PERMISSION_DENIED',
    '{field}: {path} lies in none of the folders that may be used: {folders}',
  ],
  NETWORK_NOT_FOUND: ['NOT_FOUND', '{field}: Network "{name}" not found'],
  POOL_NOT_FOUND: ['NOT_FOUND', '{field}: Pool "{name}" not found; there is one, default'],
  RESTART_NEEDED: [
    'FAILED_PRECONDITION',
    'VirtualMachine "{id}" needs a restart for {what}; the change is kept and comes with it',
  ],
  MEMORY_NOT_TAKEN: [
    'FAILED_PRECONDITION',
    'VirtualMachine "{id}": its guest uses {now} MiB of the {wanted} MiB that it was given',
  ],
  HOST_UNSURE: [
    'UNAVAILABLE',
    'service unavailable: the folder of machines cannot be read: {reason}',
    'retryable',
  ],
  ADDRESS_FORBIDDEN: [
    'PERMISSION_DENIED',
    '{field}: {host} is at {address}, which this host does not connect to unless told to by --virtrigaud-allowed-hosts',
  ],
  TRANSFER_FAILED: ['UNAVAILABLE', '{url}: {reason}', 'retryable'],
  TRANSFER_REFUSED: ['FAILED_PRECONDITION', '{url}: {reason}'],
  SOURCE_NOT_FOUND: ['NOT_FOUND', '{url}: not found'],
  TRANSFER_TOO_LARGE: ['RESOURCE_EXHAUSTED', '{url}: more than {limit} bytes are not taken'],
  CHECKSUM_MISMATCH: ['INVALID_ARGUMENT', '{url}: {algorithm} is {actual}, expected {expected}'],
  NO_PORT: ['RESOURCE_EXHAUSTED', 'no port of {address} is free for {proto}/{guestPort}'],
  BUSY: ['ABORTED', '{reason}', 'retryable'],
  REFUSED: ['FAILED_PRECONDITION', '{reason}'],
});
