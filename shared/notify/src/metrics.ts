import { defineMetrics, type Metrics, type Sample } from '@edgeplane/observe';
import type { NotifyClient, NotifyState } from './client.js';
import type { NotifyServer } from './server.js';
import type { NotifyCounters } from './types.js';

const END = ['end'] as const;
/** Counters of both ends; a relay has both. */
const TRAFFIC = defineMetrics({
  noticesSent: {
    kind: 'counter',
    name: 'edgeplane_notify_notices_sent_total',
    help: 'Notices sent; in version 2 a notice is a frame of many changes.',
    labels: END,
  },
  noticesReceived: {
    kind: 'counter',
    name: 'edgeplane_notify_notices_received_total',
    help: 'Notices received.',
    labels: END,
  },
  bytesSent: {
    kind: 'counter',
    name: 'edgeplane_notify_sent_bytes_total',
    help: 'Bytes of notices sent, without what HTTP/2 and TLS add.',
    labels: END,
  },
  bytesReceived: {
    kind: 'counter',
    name: 'edgeplane_notify_received_bytes_total',
    help: 'Bytes of notices received.',
    labels: END,
  },
  changesSent: {
    kind: 'counter',
    name: 'edgeplane_notify_changes_sent_total',
    help: 'Objects and tombstones sent in frames of version 2.',
    labels: END,
  },
  changesReceived: {
    kind: 'counter',
    name: 'edgeplane_notify_changes_received_total',
    help: 'Objects and tombstones received in frames of version 2.',
    labels: END,
  },
  lateChanges: {
    kind: 'counter',
    name: 'edgeplane_notify_late_changes_total',
    help: 'Changes dropped because a later one of their key had come before.',
    labels: END,
  },
  refusedChanges: {
    kind: 'counter',
    name: 'edgeplane_notify_refused_changes_total',
    help: 'Changes that the other side did not take (nacks).',
    labels: END,
  },
  repairs: {
    kind: 'counter',
    name: 'edgeplane_notify_repairs_total',
    help: 'Types whose digests differed, so that buckets were asked for.',
    labels: END,
  },
  undecodable: {
    kind: 'counter',
    name: 'edgeplane_notify_undecodable_total',
    help: 'Objects that could not be decoded.',
    labels: END,
  },
  unknownType: {
    kind: 'counter',
    name: 'edgeplane_notify_unknown_type_total',
    help: 'Notices of types that nobody here takes.',
    labels: END,
  },
  handlerFailures: {
    kind: 'counter',
    name: 'edgeplane_notify_handler_failures_total',
    help: 'Objects and messages that could not be applied.',
    labels: END,
  },
  messagesDropped: {
    kind: 'counter',
    name: 'edgeplane_notify_messages_dropped_total',
    help: 'Messages dropped because too many waited, or the session was over.',
    labels: END,
  },
  unsendable: {
    kind: 'counter',
    name: 'edgeplane_notify_unsendable_total',
    help: 'Objects not sent because they are larger than a notice may be, or cannot be encoded.',
    labels: END,
  },
});

export const NOTIFY_METRICS = defineMetrics({
  sessions: {
    kind: 'gauge',
    name: 'edgeplane_notify_sessions',
    help: 'Sessions of this server: `connected` (not everything is sent yet), `synced`; `stale`: lost, and its reports are kept for the grace period.',
    labels: ['version', 'state'],
  },
  handshakes: {
    kind: 'gauge',
    name: 'edgeplane_notify_handshakes',
    help: 'Sessions of this server that are not accepted yet: shaking hands, or waiting for it to catch up.',
  },
  link: {
    kind: 'gauge',
    name: 'edgeplane_notify_link',
    help: 'Link of this client to its server: 1 for the state it is in, 0 for others: `disconnected`, `connected`, `synced`.',
    labels: ['state'],
  },
  waiting: {
    kind: 'gauge',
    name: 'edgeplane_notify_waiting_keys',
    help: 'Changed keys that wait to be sent, of all sessions of this server.',
  },
  ends: {
    kind: 'counter',
    name: 'edgeplane_notify_session_ends_total',
    help: 'Sessions that ended or were refused, by reason: `CLEAN`, `LOST`, or the code of the error, which names the limit where one was exceeded.',
    labels: ['end', 'reason'],
  },
  ...TRAFFIC,
});

export const OBJECT_METRICS = defineMetrics({
  objects: {
    kind: 'gauge',
    name: 'edgeplane_objects',
    help: 'Objects that this process holds, by type.',
    labels: ['type'],
  },
});

/** The ends of notify that a process has. */
export interface NotifyEnds {
  readonly server?: Pick<NotifyServer, 'counters' | 'ends' | 'sessionCounts' | 'handshakes' | 'waitingKeys'>;
  readonly client?: Pick<NotifyClient, 'counters' | 'ends' | 'state'>;
}

const LINK_STATES: readonly NotifyState[] = ['disconnected', 'connected', 'synced'];

/** Says how sessions are and what goes through them. Once per process. */
export function observeNotify(metrics: Metrics, { server, client }: NotifyEnds): void {
  const ends = Object.entries({ server, client }).flatMap(([end, of]) => (of ? [{ end, of }] : []));
  const total = (name: keyof NotifyCounters) => (): Sample[] =>
    ends.map(({ end, of }) => [of.counters[name], { end }]);
  const traffic = Object.fromEntries(
    (Object.keys(TRAFFIC) as (keyof typeof TRAFFIC)[]).map((name) => [name, total(name)]),
  ) as { readonly [N in keyof typeof TRAFFIC]: () => Sample[] };
  metrics.read(NOTIFY_METRICS, {
    ...traffic,
    sessions: () =>
      server
        ?.sessionCounts()
        .map(({ count, version, state }): Sample => [count, { version: String(version), state }]) ?? [],
    handshakes: () => (server ? [[server.handshakes]] : []),
    link: () =>
      client ? LINK_STATES.map((state): Sample => [client.state === state ? 1 : 0, { state }]) : [],
    waiting: () => (server ? [[server.waitingKeys]] : []),
    ends: () =>
      ends.flatMap(({ end, of }) => Array.from(of.ends, ([reason, n]): Sample => [n, { end, reason }])),
  });
}

/** Says how many objects of which types there are. Once per process. */
export function observeObjects(
  metrics: Metrics,
  sizes: () => Iterable<readonly [type: string, count: number]>,
) {
  metrics.read(OBJECT_METRICS, {
    objects: () => Array.from(sizes(), ([type, count]): Sample => [count, { type }]),
  });
}
