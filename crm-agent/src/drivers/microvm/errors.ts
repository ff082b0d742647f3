import { defineErrors } from '@edgeplane/base';

/** What the microVM driver tells users. */
export const microvmErrors = defineErrors({
  KERNEL_MISSING: [
    'FAILED_PRECONDITION',
    'microVMs need a kernel and an initramfs: {path} is not there (deploy/images/microvm/build.sh makes them)',
  ],
  NO_PROGRAM: ['INVALID_ARGUMENT', 'image "{image}" names no program, and the App gives no command'],
});
