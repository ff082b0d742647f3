import { decodeStored, type JsonValue, messageSchema, toPlain, writeJson } from '@edgeplane/objects';
import type { Event } from '@edgeplane/proto/edgeplane/bus.js';

const SCHEMA = 'edgeplane.bus.Event';

/** An event as it is on the bus: JSON text with proto names, what is not set left out. */
export function encodeEvent(event: Event): Uint8Array {
  const plain = toPlain(messageSchema(SCHEMA), event, {
    enums: 'proto',
    defaults: false,
    longsAsText: false,
  });
  return Buffer.from(writeJson(plain as JsonValue));
}

/** @throws EdgeplaneError BAD_JSON and the like when it is no event */
export function decodeEvent(data: Uint8Array): Event {
  return decodeStored(messageSchema(SCHEMA), Buffer.from(data).toString()) as unknown as Event;
}
