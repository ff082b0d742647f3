import { type FlagSpec, fail, flagErrors, kebab } from '@edgeplane/base';

type Unit = 'count' | 'bytes' | 'ms';

/** A bound or a time of the protocol: one row from which its default, its flag, its rule and its document come. */
interface Limit {
  readonly unit: Unit;
  readonly default: number;
  readonly about: string;
  /** What happens beyond it, in Markdown. */
  readonly beyond: string;
  /** Flag of servers, in camel case; what has none is no matter of the operator's. */
  readonly flag?: string;
  /** What the flag may be: less breaks the protocol, more breaks what the limit is for. */
  readonly least?: number;
  readonly most?: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const NOTIFY_LIMITS = {
  maxNoticeBytes: {
    unit: 'bytes',
    default: 4 * MIB,
    flag: 'notifyMaxNotice',
    least: MIB,
    most: 4 * MIB,
    about: 'largest notice; peers take none beyond 4 MiB',
    beyond: 'refused with RESOURCE_EXHAUSTED; a larger object is not sent and named',
  },
  maxScope: {
    unit: 'count',
    default: 10_000,
    flag: 'notifyMaxScope',
    least: 1,
    most: 18_000,
    about: 'cloudlets in scope of a session; a relay wants those of all below it',
    beyond: '`SCOPE_TOO_LARGE`',
  },
  maxHeldBytes: {
    unit: 'bytes',
    default: 256 * MIB,
    flag: 'notifyMaxHeld',
    least: 4 * MIB,
    most: 4096 * MIB,
    about:
      'bytes of objects that a peer has sent and not deleted, with their keys and 400 for each; on clients always 4 GiB',
    beyond: '`PEER_SENDS_TOO_MUCH`',
  },
  maxDirtyKeys: {
    unit: 'count',
    default: 250_000,
    flag: 'notifyMaxWaiting',
    least: 1000,
    most: 10_000_000,
    about: 'changed keys waiting per session',
    beyond: '`PEER_TOO_SLOW`',
  },
  maxMessages: {
    unit: 'count',
    default: 1000,
    about: 'messages waiting per session',
    beyond: 'dropped and counted',
  },
  maxMessageBytes: {
    unit: 'bytes',
    default: 8 * MIB,
    about: 'bytes of messages waiting per session',
    beyond: 'dropped and counted',
  },
  maxBufferedBytes: {
    unit: 'bytes',
    default: 256 * KIB,
    about: 'bytes with the stream that the peer has not taken, and one notice more',
    beyond: 'the sender waits, and notes keys',
  },
  maxUnackedFrames: {
    unit: 'count',
    default: 64,
    flag: 'notifyWindowFrames',
    least: 4,
    most: 4096,
    about: 'frames without ack',
    beyond: 'the sender waits, and notes keys',
  },
  maxUnackedBytes: {
    unit: 'bytes',
    default: 8 * MIB,
    flag: 'notifyWindowBytes',
    least: 256 * KIB,
    most: 256 * MIB,
    about: 'bytes of frames without ack',
    beyond: 'the sender waits, and notes keys',
  },
  ackTimeoutMs: {
    unit: 'ms',
    default: MINUTE,
    flag: 'notifyAckTimeout',
    least: 5 * SECOND,
    most: 10 * MINUTE,
    about: 'time for an ack',
    beyond: '`ACK_TIMEOUT`',
  },
  bookmarkMs: {
    unit: 'ms',
    default: 5 * MINUTE,
    flag: 'notifyBookmarkInterval',
    least: SECOND,
    most: 30 * MINUTE,
    about: 'digests of all types',
    beyond: '',
  },
  lookMs: {
    unit: 'ms',
    default: 30 * SECOND,
    about: 'how often acks that are owed are looked at, and counts of repairs begin anew',
    beyond: '',
  },
  handshakeTimeoutMs: {
    unit: 'ms',
    default: 10 * SECOND,
    flag: 'notifyHandshakeTimeout',
    least: SECOND,
    most: 5 * MINUTE,
    about: 'handshake, and the first call of a connection',
    beyond: '`HANDSHAKE_TIMEOUT`; connection broken off',
  },
  graceMs: {
    unit: 'ms',
    default: 10 * SECOND,
    flag: 'notifyGrace',
    least: 0,
    most: 10 * MINUTE,
    about: 'grace: how long reports outlive a lost session',
    beyond: 'flushed',
  },
  maxStale: {
    unit: 'count',
    default: 20_000,
    flag: 'notifyMaxStale',
    least: 0,
    most: 1_000_000,
    about: 'peers that have their grace at a time',
    beyond: 'flushed at once',
  },
  maxSyncs: {
    unit: 'count',
    default: 32,
    flag: 'notifyMaxSyncs',
    least: 1,
    most: 100_000,
    about: 'sessions that synchronise at a time',
    beyond: 'others wait',
  },
  maxSessions: {
    unit: 'count',
    default: 20_000,
    flag: 'notifyMaxSessions',
    least: 1,
    most: 1_000_000,
    about: 'sessions',
    beyond: '`TOO_MANY_SESSIONS`',
  },
  maxSessionsPerAddress: {
    unit: 'count',
    default: 5000,
    flag: 'notifyMaxSessionsPerAddress',
    least: 1,
    most: 1_000_000,
    about: 'sessions of one IP address; more than in all means no more than in all',
    beyond: '`TOO_MANY_SESSIONS`',
  },
  lingerMs: {
    unit: 'ms',
    default: 5 * SECOND,
    about: 'time to read the reason of an end',
    beyond: 'connection broken off',
  },
  maxTombstones: {
    unit: 'count',
    default: 10_000,
    about: 'tombstones kept per sender',
    beyond: 'buckets instead',
  },
} as const satisfies Readonly<Record<string, Limit>>;

type Rows = typeof NOTIFY_LIMITS;

/** Bounds and times of sessions, as {@link NOTIFY_LIMITS} has them: counts, bytes, milliseconds. */
export type NotifyLimits = { readonly [N in keyof Rows]: number };

type FlagOf<R> = R extends { readonly flag: infer F extends string } ? F : never;
type LimitFlag = FlagOf<Rows[keyof Rows]>;

const ROWS: readonly (readonly [keyof Rows, Limit])[] = Object.entries(NOTIFY_LIMITS) as never;

export const DEFAULT_LIMITS = Object.fromEntries(
  ROWS.map(([name, row]) => [name, row.default]),
) as NotifyLimits;

/** What differs on clients, which have one peer, and one that they trust with all there is. */
export const CLIENT_LIMITS: NotifyLimits = { ...DEFAULT_LIMITS, maxHeldBytes: 4096 * MIB };

/** What is noted of an object that a peer has sent, besides its key. */
const NOTED_BYTES = 400;

/** What an object counts for `maxHeldBytes`: small ones would else cost many times what they are long. */
export function heldCost(keyJson: string, bytes: number): number {
  return bytes + keyJson.length + NOTED_BYTES;
}

/** Flags of a process with a notify server. */
export const NOTIFY_LIMIT_FLAGS = Object.fromEntries(
  ROWS.flatMap(([, { flag, unit, about, default: value }]) =>
    flag === undefined
      ? []
      : [
          [
            flag,
            {
              type: unit === 'ms' ? 'duration' : 'number',
              default: unit === 'ms' ? duration(value) : String(value),
              about: `notify: ${about}${unit === 'bytes' ? ', bytes' : ''}`,
            },
          ],
        ],
  ),
) as unknown as { readonly [F in LimitFlag]: FlagSpec<'number' | 'duration'> };

/** A hello names every cloudlet in scope, and more. */
const BYTES_PER_CLOUDLET = 200;
const BYTES_BESIDES = 256 * KIB;

/**
 * The limits that the flags say.
 * @throws EdgeplaneError FLAG_BAD_VALUE naming the flag, the rule and the value
 */
export function limitsOf(values: { readonly [F in LimitFlag]: number }): NotifyLimits {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS };
  for (const [name, { flag, unit, least = 0, most = 0 }] of ROWS) {
    if (flag === undefined) continue;
    const value: number = values[flag as LimitFlag];
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      const rule = `must be ${unit === 'ms' ? '' : 'a whole number '}from ${shown(least, unit)} to ${shown(most, unit)}`;
      throw bad(flag, rule, shown(value, unit));
    }
    limits[name] = value;
  }
  const checked = limits as NotifyLimits;
  const { maxScope, maxNoticeBytes } = checked;
  const needed = maxScope * BYTES_PER_CLOUDLET + BYTES_BESIDES;
  if (maxNoticeBytes < needed) {
    const rule = `must be at least ${needed} bytes, as one notice has all cloudlets of a scope, of which --notify-max-scope allows ${maxScope}`;
    throw bad('notifyMaxNotice', rule, shown(maxNoticeBytes, 'bytes'));
  }
  return checked;
}

/** Of limits of a node those that its client goes by too; the rest are about peers that it lets in. */
export function clientLimitsOf(limits: Partial<NotifyLimits>): Partial<NotifyLimits> {
  const { maxNoticeBytes: _notice, maxHeldBytes: _held, handshakeTimeoutMs: _handshake, ...rest } = limits;
  return rest;
}

/** The rows of the table in docs/notify-protocol.md. */
export function limitRows(): readonly (readonly string[])[] {
  return ROWS.map(([, { unit, about, beyond, flag, least = 0, most = 0, default: value }]) => [
    about,
    readable(value, unit),
    flag === undefined ? '' : `\`--${kebab(flag)}\`, ${readable(least, unit)} to ${readable(most, unit)}`,
    beyond,
  ]);
}

function bad(flag: string, rule: string, value: string) {
  return fail(flagErrors.FLAG_BAD_VALUE, { flag: `--${kebab(flag)}`, rule, value });
}

/** As it would be on the command line. */
function shown(value: number, unit: Unit): string {
  return unit === 'ms' ? duration(value) : String(value);
}

function duration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function readable(value: number, unit: Unit): string {
  if (unit === 'ms')
    return value >= MINUTE && value % MINUTE === 0 ? `${value / MINUTE} min` : `${value / SECOND} s`;
  if (unit === 'count') return value.toLocaleString('en-US');
  return value % MIB === 0 ? `${(value / MIB).toLocaleString('en-US')} MiB` : `${value / KIB} KiB`;
}
