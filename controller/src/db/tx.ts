import type { ObjectType } from '@edgeplane/objects';
import type { CacheSync, Entry, Lease, StmTx } from '@edgeplane/store';
import { guardKey, objectKey } from './store-keys.js';
import type { StoredType } from './stored-type.js';

/**
 * A transaction in terms of objects. What the function of a transaction does may be done several times, so it must have
 * no effect but on this.
 */
export class Tx {
  readonly #tx: StmTx;
  readonly #region: number;
  readonly #sync: Pick<CacheSync, 'known'> | undefined;
  readonly #written = new Set<string>();
  #wrote = false;
  /** Texts to tell the caller if the transaction fails. */
  readonly hints: string[] = [];

  /**
   * With `sync`, objects are taken from the caches instead of being read: cheap, and if one is old the transaction does
   * not go through.
   */
  constructor(tx: StmTx, region: number, sync?: Pick<CacheSync, 'known'>) {
    this.#tx = tx;
    this.#region = region;
    this.#sync = sync;
  }

  get wrote(): boolean {
    return this.#wrote;
  }

  /** What is returned may be shared: do not modify it. @throws EdgeplaneError BAD_JSON when the stored value cannot be read. */
  async get<T, K>(type: StoredType<T, K>, key: K): Promise<T | undefined> {
    const storeKey = this.#keyOf(type, type.keyJson(key));
    const known = this.#known(storeKey);
    // A cache of this type holds what the type itself has decoded.
    if (known) return known.value as T | undefined;
    const entry = await this.#tx.get(storeKey);
    return entry && type.fromStored(entry.value);
  }

  /** Whether an object is there, and the revision of its last write; 0 after an own write. */
  async entry<T, K>(type: StoredType<T, K>, key: K): Promise<Pick<Entry, 'revision'> | undefined> {
    const storeKey = this.#keyOf(type, type.keyJson(key));
    const known = this.#known(storeKey);
    if (known) return known.revision === 0 ? undefined : known;
    return this.#tx.get(storeKey);
  }

  put<T, K>(type: StoredType<T, K>, object: T, lease?: Lease): void {
    const storeKey = this.#write(type, type.keyJsonOf(object));
    this.#tx.put(storeKey, type.toStored(object), lease);
  }

  delete<T, K>(type: StoredType<T, K>, key: K): void {
    this.#tx.delete(this.#write(type, type.keyJson(key)));
  }

  /** Reads an object that what is being stored will refer to, and marks it as referred to. */
  async refer<T, K>(type: ObjectType<T, K>, key: K): Promise<T | undefined> {
    const object = await this.get(type, key);
    if (object !== undefined) this.#tx.put(guardKey(this.#region, type.name, type.keyJson(key)), '1');
    return object;
  }

  guard<T, K>(type: ObjectType<T, K>, key: K): Promise<Entry | undefined> {
    return this.#tx.get(guardKey(this.#region, type.name, type.keyJson(key)));
  }

  deleteGuard<T, K>(type: ObjectType<T, K>, key: K): void {
    this.#tx.delete(guardKey(this.#region, type.name, type.keyJson(key)));
  }

  /**
   * Orders the transactions that claim a name: the later of two is run again, and is given the revision that has the
   * earlier one's changes. 0 when nobody has claimed it before.
   */
  async claim(kind: string, name: string): Promise<number> {
    const key = guardKey(this.#region, kind, name);
    const entry = await this.#tx.get(key);
    this.#tx.put(key, '1');
    return entry?.revision ?? 0;
  }

  #keyOf(type: { readonly name: string }, keyJson: string): string {
    return objectKey(this.#region, type.name, keyJson);
  }

  #write(type: { readonly name: string }, keyJson: string): string {
    const storeKey = this.#keyOf(type, keyJson);
    this.#wrote = true;
    this.#written.add(storeKey);
    return storeKey;
  }

  /** What the caches know of a key that this transaction has not written. */
  #known(storeKey: string) {
    if (this.#written.has(storeKey)) return undefined;
    const known = this.#sync?.known(storeKey);
    if (known) this.#tx.rely(storeKey, known.revision);
    return known;
  }
}
