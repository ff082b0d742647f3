import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Which bytes of a file, both ends included. */
export interface FileRange {
  readonly start: number;
  readonly end: number;
}

/** The hexadecimal digest of a file, or of a part of it; `algorithm` as Node names it. Rejects with the system's error. */
export async function fileDigest(path: string, algorithm = 'sha256', range?: FileRange): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, range)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
