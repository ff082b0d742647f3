import { defineErrors } from '@edgeplane/base';

/** Faults of the operations API. Most reach callers as the text of a FAILED message (IsardVDI spec section A5). */
export const operationsErrors = defineErrors({
  INVENTORY_UNREADABLE: ['INVALID_ARGUMENT', '--operations-inventory: cannot read {path}: {reason}'],
  INVENTORY_INVALID: ['INVALID_ARGUMENT', '--operations-inventory: {path}: {where}: {rule}, but got {value}'],
  NO_ID: ['INVALID_ARGUMENT', '{field} is empty, but has to name {what}'],
  INVALID_FIELD: ['INVALID_ARGUMENT', '{field} {rule}, but got {value}'],
  UNKNOWN_HYPERVISOR: ['NOT_FOUND', 'hypervisor {id} is not in the inventory'],
  UNKNOWN_POOL: ['NOT_FOUND', 'storage pool {id} is not in the inventory; known: {known}'],
  UNKNOWN_TARGET: ['NOT_FOUND', 'backup target {id} is not in the inventory; known: {known}'],
  UNKNOWN_BACKUP: ['NOT_FOUND', 'backup {id} is at none of the targets'],
  IDS_FAILED: ['ABORTED', '{failed} of {all} failed: {reasons}'],
  INSTANCES_RUNNING: [
    'FAILED_PRECONDITION',
    'hypervisor {id}: {count} instances running; stop them first, or set force (field 1001)',
  ],
  INSTANCES_UNKNOWN: [
    'FAILED_PRECONDITION',
    'hypervisor {id}: it cannot be told whether instances run ({reason}); set force (field 1001) to take it down all the same',
  ],
  HYPERVISOR_UNREACHABLE: ['UNAVAILABLE', 'hypervisor {id}: {reason}', 'retryable'],
  HYPERVISOR_NOT_READY: ['UNAVAILABLE', 'hypervisor {id} did not come up: {reason}'],
  PROGRAM_FAILED: ['UNAVAILABLE', '{program} {verb} {id}: {reason}'],
  SIZE_TOO_SMALL: [
    'INVALID_ARGUMENT',
    '{field} is {value}, but has to be more than 0; it fits int32 only up to 2147483647: use {field}64 (field 1001) beyond, or several calls',
  ],
  SIZE_AMBIGUOUS: [
    'INVALID_ARGUMENT',
    'ambiguous size: {field} is {value} and {field}64 is {value64}; give one of them, or the same in both',
  ],
  POOL_FULL: [
    'RESOURCE_EXHAUSTED',
    'pool {pool}: {wanted} bytes more are wanted, and the host has {have} bytes for it at {path}',
  ],
  POOL_CANNOT: ['FAILED_PRECONDITION', 'pool {pool}: {reason}'],
  POOL_UNAVAILABLE: ['UNAVAILABLE', 'pool {pool}: {reason}', 'retryable'],
  TOOL_FAILED: ['INTERNAL', '{command} failed: {reason}'],
  TARGET_UNAVAILABLE: ['UNAVAILABLE', 'backup target {target}: {reason}', 'retryable'],
  TARGET_FULL: [
    'RESOURCE_EXHAUSTED',
    'backup target {target}: {wanted} bytes are wanted above a floor of {floor} bytes, and {have} bytes are free',
  ],
  FILE_CHANGES: [
    'FAILED_PRECONDITION',
    'pool {pool}: {file} changed while it was copied, {times} times; stop what writes to it, or use a pool on btrfs',
  ],
  FILE_UNSAVABLE: ['FAILED_PRECONDITION', 'pool {pool}: {file} cannot be backed up: {reason}'],
  BACKUP_DAMAGED: ['DATA_LOSS', 'backup {id}: {reason}'],
  LAST_BACKUP: [
    'FAILED_PRECONDITION',
    'backup {id} is the last one of pool {pool}; set force to delete it all the same',
  ],
  PATH_TAKEN: ['ALREADY_EXISTS', 'pool {pool}: {path} is there already'],
});
