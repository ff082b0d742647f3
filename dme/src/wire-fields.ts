/** One field of an encoded message. */
export interface WireField {
  readonly number: number;
  /** Of text, bytes and messages: where the length before it is; of anything else where the value is. */
  readonly from: number;
  /** Where the content is. */
  readonly start: number;
  readonly end: number;
}

const LENGTH_DELIMITED = 2;
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/**
 * The fields of an encoded protobuf message, in order, without those within. The message is a text with one character per
 * byte (latin1), which is the least room that bytes can take in memory. It is one that was decoded before: what is not
 * understood ends it.
 */
export function* wireFields(wire: string): IterableIterator<WireField> {
  let at = 0;
  const varint = () => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = wire.charCodeAt(at);
      at += 1;
      if (!(byte >= 0x80)) return value + (byte || 0) * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
  };
  while (at < wire.length) {
    const tag = varint();
    const kind = tag & 7;
    const from = at;
    let start = at;
    if (kind === LENGTH_DELIMITED) {
      const length = varint();
      start = at;
      at += length;
    } else if (kind === 0) varint();
    else at += FIXED_BYTES[kind] ?? Number.POSITIVE_INFINITY;
    if (at > wire.length) return;
    yield { number: Math.floor(tag / 8), from, start, end: at };
  }
}
