import { diskErrors, fail, saysDiskFull } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { runTool } from './tools.js';

/** Runs qemu-img. @throws DISK_FULL, toolFailed with its last words, the signal's reason */
export async function runImageTool(
  args: readonly string[],
  limitMs?: number,
  signal?: AbortSignal,
): Promise<string> {
  const { code, stdout, stderr } = await runTool('qemu-img', args, {
    ...(limitMs === undefined ? {} : { timeoutMs: limitMs }),
    ...(signal ? { signal } : {}),
  });
  if (code === 0) return stdout;
  const words = stderr.trim().split('\n').at(-1) ?? '';
  const reason = words.replace(/^qemu-img: /, '') || `status ${code}`;
  if (saysDiskFull(stderr)) throw fail(diskErrors.DISK_FULL, { path: args.at(-1) ?? '', reason });
  throw fail(qemuErrors.toolFailed, { command: `qemu-img ${args[0]}`, reason });
}
