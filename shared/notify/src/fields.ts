import { type FieldSchema, MESSAGES, type MessageSchema } from '@edgeplane/objects';

/** What takes part in counting: fields whose values are messages, or many numbers in a row. */
interface Counted {
  readonly message: Plan | undefined;
  /** Bytes of the smallest of packed numbers; 0 for what is not packed. */
  readonly packed: number;
}
type Plan = ReadonlyMap<number, Counted>;

/** Fields of one notice, and of one object in it, with those of the messages in them. */
export const MOST_FIELDS = 100_000;

const FIXED: Readonly<Record<string, number>> = {
  fixed32: 4,
  sfixed32: 4,
  float: 4,
  fixed64: 8,
  sfixed64: 8,
  double: 8,
};

/**
 * Whether a decoder would make no more than `limit` values of the bytes, which are well-formed at their top level. Two
 * bytes can be an empty message, for which memory of a hundred times that is taken; text and bytes cost what they are.
 * `type`: full name.
 */
export function isWithin(bytes: Uint8Array, type: string, limit: number = MOST_FIELDS): boolean {
  // No field takes less than two bytes, no packed number less than one.
  if (bytes.length <= limit) return true;
  return count(bytes, 0, bytes.length, planOf(type, new Map()), 0, limit) <= limit;
}

/** Fields between two places, or any number beyond the limit. Lengths that lead outside end it: decoders refuse them. */
function count(
  bytes: Uint8Array,
  from: number,
  to: number,
  plan: Plan | undefined,
  before: number,
  limit: number,
): number {
  let found = before;
  let at = from;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < to && found <= limit) {
    const tag = varint();
    found += 1;
    const wire = tag % 8;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      const counted = plan?.get(Math.floor(tag / 8));
      if (counted?.packed) found += Math.floor(length / counted.packed);
      if (counted?.message)
        found = count(bytes, at, Math.min(to, at + length), counted.message, found, limit);
      at += length;
    }
  }
  return found;
}

/** Made for each large message anew: there are few. */
function planOf(type: string, made: Map<string, Plan>): Plan | undefined {
  const known = made.get(type);
  if (known) return known;
  const schema: MessageSchema | undefined = MESSAGES[type];
  if (!schema) return undefined;
  const plan = new Map<number, Counted>();
  // Before its fields: a message may hold others of its type.
  made.set(type, plan);
  for (const field of schema.fields) plan.set(field.no, countedOf(field, made));
  return plan;
}

function countedOf({ kind, type, repeated }: FieldSchema, made: Map<string, Plan>): Counted {
  const isText = kind === 'scalar' && (type === 'string' || type === 'bytes');
  return {
    message: kind === 'message' ? planOf(type, made) : undefined,
    packed: repeated && kind !== 'message' && !isText ? (FIXED[type] ?? 1) : 0,
  };
}
