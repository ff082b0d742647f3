/** Keys of stored data (controller spec section 6.1). */

/** What all keys of a region begin with. */
export function regionPrefix(region: number): string {
  return `${region}/`;
}

/** Key of an object: region, short type name and key JSON. */
export function objectKey(region: number, type: string, keyJson: string): string {
  return `${region}/${type}/${keyJson}`;
}

/** Where the hash of the data model is. */
export function versionKey(region: number): string {
  return `${region}/Version`;
}

/**
 * Changes whenever something begins to refer to an object, or claims a name. Outside the region's prefix, so that no other
 * reader of the region meets it.
 */
export function guardKey(region: number, type: string, keyJson: string): string {
  return `edgeplane/${region}/guard/${type}/${keyJson}`;
}
