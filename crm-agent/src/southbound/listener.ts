import type { Clock, Logger } from '@edgeplane/base';
import { type AuditLog, RpcServer } from '@edgeplane/rpc';
import type { Access } from './access.js';
import type { Door, DoorName } from './door.js';
import { admitRpc } from './identity.js';
import type { DoorListener } from './settings.js';

/** Requests carry user data and images of metadata; lists are one message. */
const MOST_RECEIVED_BYTES = 64 * 1024 * 1024;

/**
 * A client that is gone is noticed in a minute, and one without calls is let go after 15 (VirtRigaud spec section 2).
 * IsardVDI's own pings come every 10 s, and are answered in any case.
 */
const KEEPALIVE = { timeMs: 30_000, timeoutMs: 10_000, maxIdleMs: 15 * 60_000 };

/** What callers whom nobody knows yet can take of the agent. */
const CONNECTIONS = { max: 1024, maxPerAddress: 512, firstCallMs: 60_000, lingerMs: 0, maxStreams: 1000 };

/** What reflection tells of a door, by its name and dialect. */
const DESCRIPTIONS: Readonly<Record<string, () => Promise<{ DESCRIPTOR_SET_BASE64: string }>>> = {
  virtrigaud: () => import('@edgeplane/proto/southbound/virtrigaud/descriptor-set.js'),
  'flintlock current': () => import('@edgeplane/proto/southbound/flintlock-current/descriptor-set.js'),
  'flintlock 2021': () => import('@edgeplane/proto/southbound/flintlock-2021/descriptor-set.js'),
  operations: () => import('@edgeplane/proto/southbound/isard/descriptor-set.js'),
  aurae: () => import('@edgeplane/proto/southbound/aurae/descriptor-set.js'),
};

/** Names that clients ask the health of, beside those of services. */
const HEALTH_NAMES: Readonly<Partial<Record<DoorName, readonly string[]>>> = { virtrigaud: ['provider'] };

export interface ListenerOptions {
  readonly door: Door;
  readonly listener: DoorListener;
  readonly access: Access;
  readonly audit: AuditLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A door's server and where it listens, with the actual port. */
export interface OpenListener {
  readonly address: string;
  readonly server: RpcServer;
}

/**
 * Opens one gRPC listener of a door; no call of it, health and reflection included, goes past {@link Access}.
 * @throws ADDRESS_INVALID, LISTEN_FAILED, DOOR_UNIDENTIFIED, DOOR_PLAIN_TOKEN
 */
export async function openListener(options: ListenerOptions): Promise<OpenListener> {
  const { door, listener, access, audit, logger, clock } = options;
  const { address, dialect } = listener;
  const rules = access.rules(address);
  const name = dialect === undefined ? door.name : `${door.name} ${dialect}`;
  const described = await DESCRIPTIONS[name]?.();
  const server = new RpcServer({
    ...{ name, logger, clock, audit },
    credentials: access.credentials(),
    admit: (caller) => admitRpc(rules, caller),
    healthNames: HEALTH_NAMES[door.name] ?? [],
    descriptorSets: [Buffer.from(described?.DESCRIPTOR_SET_BASE64 ?? '', 'base64')],
    maxReceiveBytes: MOST_RECEIVED_BYTES,
    keepalive: KEEPALIVE,
    connections: CONNECTIONS,
  });
  door.addServices(server, dialect);
  return { address: await server.listen(address), server };
}
