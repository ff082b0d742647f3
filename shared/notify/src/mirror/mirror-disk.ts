import { appendToFile, readTextFile, renameFile, writePartsAtomic } from '@edgeplane/base';

/** Where a mirror is kept. What a call has written is durable when it resolves. */
export interface MirrorDisk {
  /** The text of a file; undefined when there is no such file. */
  read(path: string): Promise<string | undefined>;
  /** Replaces a file: a crash leaves the old text or the new one. Parts are asked for one after the other. */
  writeParts(path: string, parts: Iterable<string>): Promise<void>;
  /** Adds to a file that was written before; a crash may leave any part of the text. */
  append(path: string, text: string): Promise<void>;
  /** Over what is there. */
  rename(from: string, to: string): Promise<void>;
}

/** The machine's disk. */
export const fileDisk: MirrorDisk = {
  read: readTextFile,
  writeParts: (path, parts) => writePartsAtomic(path, parts),
  append: (path, text) => appendToFile(path, text),
  rename: renameFile,
};
