import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';

/** sun_path of Linux holds 108 bytes with the closing zero. */
export const SOCKET_PATH_MAX = 107;

/** @throws socketPathTooLong, since QEMU and Node cut a long path or answer with a bare errno. */
export function checkSocketPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_MAX) {
    throw fail(qemuErrors.socketPathTooLong, { path, bytes, max: SOCKET_PATH_MAX });
  }
  return path;
}
