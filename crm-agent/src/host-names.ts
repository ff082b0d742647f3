import { createHash } from 'node:crypto';

/** Short stable hash of a key JSON: the same key gives the same names on the host after every restart. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/**
 * Name on the host of what belongs to a key: a readable part for people and a hash for uniqueness, such as
 * `web-app-5f3c0d2a9b1e`. Lower case letters, digits and dashes; at most 45 characters; starts with a letter.
 */
export function hostName(readable: readonly string[], keyJson: string): string {
  const text = readable
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  return `${text || 'i'}-${shortHash(keyJson)}`;
}
