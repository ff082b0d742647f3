import { defineErrors, type EdgeplaneError, fail, isKind, messageOf } from './errors.js';

export const diskErrors = defineErrors({
  DISK_FULL: ['RESOURCE_EXHAUSTED', 'no room is left on the file system of {path}: {reason}', 'retryable'],
});

/** Whether something failed because a file system, or the caller's share of it, is full. */
export function isDiskFull(error: unknown): error is Error {
  if (isKind(error, diskErrors.DISK_FULL)) return true;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Whether the words of a program tell of that. */
export function saysDiskFull(text: string): boolean {
  return /no space left on device|disk quota exceeded/i.test(text);
}

/** Does what writes below `path`; that there is no room is an error which says where. @throws DISK_FULL */
export async function namingFullDisk<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw isDiskFull(error) ? diskFull(path, error) : error;
  }
}

function diskFull(path: string, error: Error): EdgeplaneError {
  if (isKind(error, diskErrors.DISK_FULL)) return error;
  return fail(diskErrors.DISK_FULL, { path, reason: messageOf(error) }, { cause: error });
}
