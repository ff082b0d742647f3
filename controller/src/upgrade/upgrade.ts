/** An entry of the store, as an upgrade function sees it. */
export interface StoredEntry {
  readonly key: string;
  readonly value: string;
}

/** What an upgrade function wants done; puts and deletes of one entry are applied in one transaction. */
export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

/**
 * Brings stored data from one version of the data model to the next (controller spec section 19.4). Pure, and frozen
 * once released: it speaks of the two versions' JSON, never of the current protos, which will have moved on.
 *
 * The runner gives every entry below `prefix` to `convert` exactly once, in the order of keys, whatever crashes lie
 * between; what `convert` put is not given to it again. An entry may be replaced, removed or put under other keys, but
 * not under the key of another entry that is to be converted too.
 */
export interface Upgrade {
  /** As the `upgrade_func` option of the version in edgeproto/version.proto. */
  readonly name: string;
  /** What the keys of the entries that it looks at begin with. */
  prefix(region: number): string;
  /** Nothing for an entry that stays as it is. @throws Error saying why the entry cannot be read */
  convert(entry: StoredEntry, region: number): readonly Change[];
}
