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

/**
 * The first two of the four 32-bit numbers of MurmurHash3_x86_128 with seed 0. For telling states of an object apart, at a
 * tenth of what a call into a cryptographic library costs for so few bytes; it is no protection against who looks for two
 * texts with the same hash.
 */
export function murmur3(bytes: Uint8Array): { readonly high: number; readonly low: number } {
  const { length } = bytes;
  const at = (i: number) => bytes[i] ?? 0;
  const word = (i: number) => at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24);
  let [h1, h2, h3, h4] = [0, 0, 0, 0];
  const whole = length & ~15;
  for (let i = 0; i < whole; i += 16) {
    h1 ^= Math.imul(rotated(Math.imul(word(i), C1), 15), C2);
    h1 = (Math.imul((rotated(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotated(Math.imul(word(i + 4), C2), 16), C3);
    h2 = (Math.imul((rotated(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotated(Math.imul(word(i + 8), C3), 17), C4);
    h3 = (Math.imul((rotated(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotated(Math.imul(word(i + 12), C4), 18), C1);
    h4 = (Math.imul((rotated(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  // The rest, as if zeros followed: of a word of zeros nothing comes.
  const rest = (i: number) => (i < length ? word(i) : 0);
  h4 ^= Math.imul(rotated(Math.imul(rest(whole + 12), C4), 18), C1);
  h3 ^= Math.imul(rotated(Math.imul(rest(whole + 8), C3), 17), C4);
  h2 ^= Math.imul(rotated(Math.imul(rest(whole + 4), C2), 16), C3);
  h1 ^= Math.imul(rotated(Math.imul(rest(whole), C1), 15), C2);
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
