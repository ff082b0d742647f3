import { decodeStored, messageSchema } from '@edgeplane/objects';
import type { AuditRecord, Event, StateChange } from '@edgeplane/proto/edgeplane/bus.js';

const SCHEMA = 'edgeplane.bus.Event';

/**
 * An event as it is on the bus: JSON text with proto names, what is not set left out. Written by hand, not by the schema:
 * every call makes two of them.
 */
export function encodeEvent({ version, id, time, region, controller, state, audit }: Event): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      ...{ version, id, time, region, controller },
      ...(state && { state: stateJson(state) }),
      ...(audit && { audit: auditJson(audit) }),
    }),
  );
}

function stateJson({ type, key, from, to, revision }: StateChange) {
  return { type, key, from, to, revision: Number(revision) };
}

function auditJson({ call, phase, cmd, client, user, ...rest }: AuditRecord) {
  const { request, result, error, code, durationMs } = rest;
  return {
    ...{ call: Number(call), phase, cmd, client, user },
    ...(request !== '' && { request }),
    ...(result !== '' && { result }),
    ...(error !== '' && { error }),
    ...(code !== '' && { code }),
    ...(durationMs !== 0n && { duration_ms: Number(durationMs) }),
  };
}

/** @throws EdgeplaneError BAD_JSON and the like when it is no event */
export function decodeEvent(data: Uint8Array): Event {
  return decodeStored(messageSchema(SCHEMA), Buffer.from(data).toString()) as unknown as Event;
}
