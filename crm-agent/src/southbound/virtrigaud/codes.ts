import { diskErrors, EdgeplaneError, fail, isDiskFull, messageOf } from '@edgeplane/base';
import { qemuErrors } from '../../engines/qemu/index.js';
import { virtrigaudErrors } from './errors.js';

/**
 * An error as a manager is to see it. INTERNAL, UNKNOWN, UNAVAILABLE and DEADLINE_EXCEEDED make it take the whole host for
 * broken and call nobody for a minute, so what is wrong with one machine is never one of them (spec of VirtRigaud, section 5.1).
 */
export function managerError(error: unknown): unknown {
  if (!(error instanceof EdgeplaneError)) {
    if (!isDiskFull(error)) return error;
    return fail(diskErrors.DISK_FULL, { path: 'the agent', reason: messageOf(error) }, { cause: error });
  }
  if (error.code === qemuErrors.imageDigestMismatch.code) return withStatus(error, 'INVALID_ARGUMENT');
  switch (error.status) {
    case 'DEADLINE_EXCEEDED':
    // Somebody else wanted something stronger meanwhile.
    case 'CANCELLED':
      return as(virtrigaudErrors.BUSY, error);
    case 'UNAVAILABLE':
      return OF_MACHINES.has(error.code) ? as(virtrigaudErrors.BUSY, error) : error;
    case 'INTERNAL':
    case 'UNKNOWN':
    case 'DATA_LOSS':
      return as(error.kind.retryable ? virtrigaudErrors.BUSY : virtrigaudErrors.REFUSED, error);
    case 'OUT_OF_RANGE':
      return withStatus(error, 'INVALID_ARGUMENT');
    default:
      return error;
  }
}

/** Engine faults of one machine that call themselves unavailable. */
const OF_MACHINES = new Set([qemuErrors.qmpClosed.code, qemuErrors.guestAgentSilent.code]);

function as(kind: (typeof virtrigaudErrors)['BUSY'], error: unknown): EdgeplaneError {
  return fail(kind, { reason: messageOf(error) }, { cause: error });
}

function withStatus(error: EdgeplaneError, status: EdgeplaneError['status']): EdgeplaneError {
  return new EdgeplaneError({ ...error.kind, status }, error.message, { cause: error.cause });
}
