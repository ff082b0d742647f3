import type { Clock } from '@edgeplane/base';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { Groups } from '../groups/groups.js';
import type { KeyRing } from '../keys/key-ring.js';
import type { LatencyBook } from '../latency-book.js';
import type { LocationApi } from '../location/location-api.js';
import type { Bounded } from '../protect/bounded.js';
import type { Gate } from '../protect/gate.js';
import type { Sessions } from '../sessions.js';
import type { CallStats } from '../stats/call-stats.js';
import type { AppTable } from '../tables.js';
import type { Watchers } from '../watchers.js';

/** What the calls work with. */
export interface Engine {
  readonly table: AppTable;
  /** Round trips that clients have reported. */
  readonly latencies: LatencyBook;
  readonly watchers: Watchers;
  readonly sessions: Sessions;
  readonly gate: Gate;
  readonly stats: CallStats;
  /** Checks of developers' signatures, which take long. */
  readonly tokenChecks: Bounded;
  readonly ring: KeyRing;
  readonly cookieExpirationMs: number;
  readonly groups: Groups;
  /** Connections are encrypted. */
  readonly secure: boolean;
  readonly clock: Clock;
  /** Where clients get location tokens; told to them as it is. */
  readonly tokenServerUrl: string;
  /** Verifies positions; without one, distances do. */
  readonly locationApi: LocationApi | undefined;
}

/** The three names of an App, as errors show them. */
export function appText(key: AppKey): string {
  return `Devname: ${key.developerKey?.name ?? ''} Appname: ${key.name} AppVers: ${key.version}`;
}
