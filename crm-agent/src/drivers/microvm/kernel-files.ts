import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import type { KernelBoot } from '../../engines/qemu/index.js';
import { microvmErrors } from './errors.js';

/** Folder of the image directory with what microVMs boot. */
export const KERNEL_FOLDER = 'edgeplane-microvm';

/**
 * Not random: no waiting for an old keyboard, no self tests, no address randomisation that an emulated machine pays for;
 * and a panic ends the machine, which the agent sees.
 */
const CMDLINE =
  'console=ttyS0 quiet loglevel=4 net.ifnames=0 panic=-1 reboot=t rdinit=/init random.trust_cpu=on nokaslr ' +
  'mitigations=off no_timer_check cryptomgr.notests i8042.noaux i8042.nopnp audit=0';

/** @throws KERNEL_MISSING naming the file */
export async function findKernel(imageDir: string): Promise<KernelBoot> {
  const folder = join(imageDir, KERNEL_FOLDER);
  const [path, initrd] = [join(folder, 'vmlinuz'), join(folder, 'initrd')];
  for (const file of [path, initrd]) {
    await access(file, constants.R_OK).catch((cause: unknown) => {
      throw fail(microvmErrors.KERNEL_MISSING, { path: file }, { cause });
    });
  }
  return { path, initrd, cmdline: CMDLINE };
}
