const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function finalMix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function word(bytes: Uint8Array, i: number): number {
  return (
    (bytes[i] as number) |
    ((bytes[i + 1] as number) << 8) |
    ((bytes[i + 2] as number) << 16) |
    ((bytes[i + 3] as number) << 24)
  );
}

/** The same at the end of the bytes, as if zeros followed. */
function lastWord(bytes: Uint8Array, i: number): number {
  if (i >= bytes.length) return 0;
  if (i + 4 <= bytes.length) return word(bytes, i);
  return (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16);
}

/**
 * The first two of the four 32-bit numbers of MurmurHash3_x86_128 with seed 0. For telling states of an object apart, at a
 * tenth of what a call into a cryptographic library costs for so few bytes; it is no protection against who looks for two
 * texts with the same hash.
 */
export function murmur3(bytes: Uint8Array): { readonly high: number; readonly low: number } {
  const { length } = bytes;
  let [h1, h2, h3, h4] = [0, 0, 0, 0];
  const whole = length & ~15;
  for (let i = 0; i < whole; i += 16) {
    h1 ^= Math.imul(rotated(Math.imul(word(bytes, i), C1), 15), C2);
    h1 = (Math.imul((rotated(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotated(Math.imul(word(bytes, i + 4), C2), 16), C3);
    h2 = (Math.imul((rotated(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotated(Math.imul(word(bytes, i + 8), C3), 17), C4);
    h3 = (Math.imul((rotated(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotated(Math.imul(word(bytes, i + 12), C4), 18), C1);
    h4 = (Math.imul((rotated(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  // Of a word of zeros nothing comes.
  h4 ^= Math.imul(rotated(Math.imul(lastWord(bytes, whole + 12), C4), 18), C1);
  h3 ^= Math.imul(rotated(Math.imul(lastWord(bytes, whole + 8), C3), 17), C4);
  h2 ^= Math.imul(rotated(Math.imul(lastWord(bytes, whole + 4), C2), 16), C3);
  h1 ^= Math.imul(rotated(Math.imul(lastWord(bytes, whole), C1), 15), C2);
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  [h1, h2, h3, h4] = [finalMix(h1), finalMix(h2), finalMix(h3), finalMix(h4)];
  h1 = (h1 + h2 + h3 + h4) | 0;
  return { high: h1 >>> 0, low: (h2 + h1) >>> 0 };
}
