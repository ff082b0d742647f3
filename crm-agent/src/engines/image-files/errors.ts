import { defineErrors } from '@edgeplane/base';

/** What is told of files that are made of container images. */
export const imageFileErrors = defineErrors({
  ROOT_DISK: ['FAILED_PRECONDITION', 'image "{image}" cannot be put on a disk of {size} MB: {reason}'],
  FILE_MISSING: ['FAILED_PRECONDITION', 'image "{image}" has no file "{file}"'],
  FILE_TOO_LARGE: [
    'OUT_OF_RANGE',
    'file "{file}" of image "{image}" has {bytes} bytes, at most {limit} are taken',
  ],
});
