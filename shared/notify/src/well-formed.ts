/**
 * Whether bytes are a protobuf message at their top level: every field number is legal and every length is within the
 * bytes. Generated decoders stop silently at a zero tag or run past a wrong length, and would hand out half a message.
 */
export function isWellFormed(bytes: Uint8Array): boolean {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    // Field numbers are 1 to 2^29 - 1.
    if (!(tag >= 8 && tag < 2 ** 32)) return false;
    switch (tag % 8) {
      case 0:
        if (Number.isNaN(varint())) return false;
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        // Read before adding: it moves `at` itself.
        const length = varint();
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return false;
    }
    if (!(at <= bytes.length)) return false;
  }
  return true;
}
