/** What a transaction must know of a type: every ObjectType is one. */
export interface StoredType<T, K> {
  /** Second part of its store keys. */
  readonly name: string;
  keyJson(key: K): string;
  keyJsonOf(object: T): string;
  toStored(object: T): string;
  /** @throws when the text is no such object */
  fromStored(text: string): T;
}
