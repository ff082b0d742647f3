export { type ImageFile, ImageFileCopies } from './image-file-copies.js';
export type { ImageFolders } from './made-files.js';
export { type RootDisk, RootDisks } from './root-disks.js';
