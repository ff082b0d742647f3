import type { ObjectType } from '@edgeplane/objects';
import type { Entry, Lease, StmTx } from '@edgeplane/store';
import { guardKey, objectKey } from './store-keys.js';

/**
 * A transaction in terms of objects. What the function of a transaction does may be done several times, so it must have
 * no effect but on this.
 */
export class Tx {
  readonly #tx: StmTx;
  readonly #region: number;
  #wrote = false;
  /** Texts to tell the caller if the transaction fails. */
  readonly hints: string[] = [];

  constructor(tx: StmTx, region: number) {
    this.#tx = tx;
    this.#region = region;
  }

  get wrote(): boolean {
    return this.#wrote;
  }

  /** @throws EdgeplaneError BAD_JSON when the stored value cannot be read. */
  async get<T, K>(type: ObjectType<T, K>, key: K): Promise<T | undefined> {
    const entry = await this.entry(type, key);
    return entry && type.fromStored(entry.value);
  }

  entry<T, K>(type: ObjectType<T, K>, key: K): Promise<Entry | undefined> {
    return this.#tx.get(objectKey(this.#region, type.name, type.keyJson(key)));
  }

  put<T, K>(type: ObjectType<T, K>, object: T, lease?: Lease): void {
    this.#wrote = true;
    this.#tx.put(objectKey(this.#region, type.name, type.keyJsonOf(object)), type.toStored(object), lease);
  }

  delete<T, K>(type: ObjectType<T, K>, key: K): void {
    this.#wrote = true;
    this.#tx.delete(objectKey(this.#region, type.name, type.keyJson(key)));
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
}
