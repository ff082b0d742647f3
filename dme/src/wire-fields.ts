const LENGTH_DELIMITED = 2;
const VARINT = 0;
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/**
 * Walks over the fields of an encoded protobuf message, in order, without those within. The message is a text with one
 * character per byte (latin1), which is the least room that bytes can take in memory. It is one that was decoded before:
 * what is not understood ends it.
 */
export class WireFields {
  /** Of the current field. */
  number = 0;
  /** Of text, bytes and messages: where the length before it is; of anything else where the value is. */
  from = 0;
  /** Where the field ends. */
  end = 0;
  readonly #wire: string;

  constructor(wire: string) {
    this.#wire = wire;
  }

  /** Goes on to the next field; false when there is none. */
  next(): boolean {
    const wire = this.#wire;
    if (this.end >= wire.length) return false;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    this.from = this.end;
    const kind = tag & 7;
    if (kind === LENGTH_DELIMITED) {
      const length = this.#varint();
      this.end += length;
    } else if (kind === VARINT) this.#varint();
    else this.end += FIXED_BYTES[kind] ?? Number.POSITIVE_INFINITY;
    return this.end <= wire.length;
  }

  #varint(): number {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = this.#wire.charCodeAt(this.end);
      this.end += 1;
      if (!(byte >= 0x80)) return value + (byte || 0) * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
  }
}
