import { OBJECTS } from '@edgeplane/objects';
import { type CloudletInfo, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { History } from './history.js';
import type { Report } from './report.js';

const PREFIX = '1/CloudletInfo/';

/** Judges every write of a CloudletInfo: of two sessions of an agent, the newer one keeps the site as long as it is known to live. */
export function judgeClaims(history: History, report: Report): void {
  const last = new Map<string, CloudletInfo>();
  history.onWrite((key, value) => {
    if (!key.startsWith(PREFIX)) return;
    const before = last.get(key);
    if (value === undefined) {
      last.delete(key);
      return;
    }
    const info = OBJECTS.CloudletInfo.fromStored(value);
    last.set(key, info);
    if (!before || before.state === CloudletState.CLOUDLET_STATE_OFFLINE) return;
    if (info.session === 0n || before.session === 0n || info.session >= before.session) return;
    report.fault(`${key}: session ${info.session} took the site back from ${before.session}`);
  });
}
