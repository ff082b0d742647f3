import { BinaryReader } from '@bufbuild/protobuf/wire';

/** Reads texts by Node's own decoder, which for short ones costs a fraction of a TextDecoder's call. */
export class WireReader extends BinaryReader {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  override string(): string {
    const length = this.uint32();
    const start = this.pos;
    this.pos += length;
    if (this.pos > this.len) throw new RangeError('premature EOF');
    return this.#bytes.toString('utf8', start, this.pos);
  }
}
