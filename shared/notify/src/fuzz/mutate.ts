import type { Dice } from './dice.js';

/** Lengths and numbers at which things break. */
const NUMBERS = ['00', '01', '7f', '8001', 'ffffffff0f', 'ffffffffffffffffff01', 'ffffffffffffffffffff'];
/** A group that is never ended, opened again and again. */
const DEEP = Buffer.alloc(20_000, 0x0b);

/** Bytes that were valid and need not be any more. `others`: more valid bytes, to be spliced in. */
export function mutate(dice: Dice, bytes: Buffer, others: readonly Buffer[]): Buffer {
  let made: Buffer = Buffer.from(bytes);
  for (let i = 0; i <= dice.below(3); i++) made = once(dice, made, others);
  return made;
}

function once(dice: Dice, bytes: Buffer, others: readonly Buffer[]): Buffer {
  const at = dice.below(bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  const other = others[dice.below(others.length)] ?? Buffer.alloc(0);
  switch (dice.below(9)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      if (at < bytes.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << dice.below(8));
      return flipped;
    }
    case 1:
      return Buffer.from(head);
    case 2:
      return Buffer.concat([head, other.subarray(dice.below(other.length + 1))]);
    case 3:
      return Buffer.concat([bytes, other]);
    case 4:
      return Buffer.concat([
        head,
        Buffer.from(NUMBERS[dice.below(NUMBERS.length)] ?? '', 'hex'),
        tail.subarray(1),
      ]);
    case 5:
      return Buffer.concat([bytes, unknownField(dice)]);
    case 6:
      return Buffer.concat([head, dice.bytes(8), tail]);
    case 7:
      return Buffer.concat([head, dice.chance(10) ? DEEP : dice.bytes(2), tail]);
    default: {
      // The same, again and again.
      const part = bytes.subarray(at, at + dice.below(40));
      return Buffer.concat([head, ...Array.from({ length: dice.below(50) }, () => part), tail]);
    }
  }
}

/** A field that no version has, of any wire type. */
export function unknownField(dice: Dice): Buffer {
  // Two-byte tags of fields 200 to 300.
  const tag = ((200 + dice.below(100)) << 3) >>> 0;
  const head = (wire: number) => Buffer.from([((tag | wire) & 0x7f) | 0x80, (tag | wire) >>> 7]);
  const body = dice.bytes(20);
  return dice.pick([
    Buffer.concat([head(0), Buffer.from([dice.below(128)])]),
    Buffer.concat([head(1), Buffer.alloc(8, dice.below(256))]),
    Buffer.concat([head(2), Buffer.from([body.length]), body]),
    Buffer.concat([head(5), Buffer.alloc(4, dice.below(256))]),
  ]);
}
