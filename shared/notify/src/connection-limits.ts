import type { ConnectionLimits } from '@edgeplane/rpc';
import type { NotifyLimits } from './limits.js';

/** Connections beyond the sessions that there may be. */
const SPARE_CONNECTIONS = 16;
/** Streams of one connection: a session, and a few for health checks and reflection. */
const MAX_STREAMS = 16;

/** What the listener of a server allows: a little more than sessions, so that who is one too many hears why. */
export function connectionLimits(limits: NotifyLimits): ConnectionLimits {
  return {
    max: limits.maxSessions + SPARE_CONNECTIONS,
    maxPerAddress: limits.maxSessionsPerAddress + SPARE_CONNECTIONS,
    firstCallMs: limits.handshakeTimeoutMs,
    lingerMs: limits.lingerMs,
    maxStreams: MAX_STREAMS,
  };
}
