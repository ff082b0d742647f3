import { type AnyMessage, ENUMS, emptyMessage, type FieldSchema, messageSchema } from '@edgeplane/objects';
import type { Dice } from './dice.js';

const DEEPEST = 5;

/** A valid message of a type, by its full name: every field of its schema may be set, to its limits too. */
export function randomMessage(dice: Dice, type: string, depth = 0): AnyMessage {
  const schema = messageSchema(type);
  const message = emptyMessage(schema);
  for (const field of schema.fields) {
    if (!dice.chance(40) || (depth > DEEPEST && field.kind === 'message')) continue;
    const value = field.repeated ? dice.some(3, () => one(dice, field, depth)) : one(dice, field, depth);
    if (field.kind === 'map')
      message[field.prop] = { [field.key === 'string' ? dice.text(3) : dice.below(9)]: value };
    else if (field.oneof) message[field.oneof] = { $case: field.prop, value };
    else message[field.prop] = value;
  }
  return message;
}

function one(dice: Dice, field: FieldSchema, depth: number): unknown {
  if (field.kind === 'message') return randomMessage(dice, field.type, depth + 1);
  if (field.kind === 'enum') return dice.pick([0, ...Object.values(ENUMS[field.type]?.values ?? {})]);
  return scalar(dice, field.type);
}

function scalar(dice: Dice, type: string): unknown {
  switch (type) {
    case 'string':
      return dice.text(6);
    case 'bytes':
      return dice.bytes(12);
    case 'bool':
      return dice.chance(50);
    case 'double':
      return dice.pick([0, 1, -1.5, 1e300]);
    case 'float':
      return dice.pick([0, 1, -1.5]);
    case 'uint64':
    case 'fixed64':
      return dice.pick([0n, 1n, 2n ** 53n, 2n ** 64n - 1n]);
    case 'int64':
    case 'sint64':
    case 'sfixed64':
      return dice.pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]);
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return dice.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]);
    default:
      return dice.pick([0, 1, 2, 16, 2 ** 32 - 1]);
  }
}
