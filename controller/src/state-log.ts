import { cloudletStateProtoName, trackedStateName } from '@edgeplane/lifecycle';
import { CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { CacheChange } from '@edgeplane/store';
import type { ControllerContext } from './context.js';

/** Logs one line per change of state of an instance or an agent, whichever controller made it. */
export function logStates({ caches, logger }: ControllerContext): void {
  const log = <S>(type: string, absent: S, name: (state: S) => string) => {
    return ({ key, value, previous, revision }: CacheChange<{ readonly state: S }>) => {
      const from = previous?.state ?? absent;
      const to = value?.state ?? absent;
      if (from !== to) logger.info({ type, key, from: name(from), to: name(to), rev: revision }, 'State');
    };
  };
  const tracked = (type: string) => log<TrackedState>(type, TrackedState.NOT_PRESENT, trackedStateName);
  caches.clusterInsts.subscribe(tracked('ClusterInst'));
  caches.appInsts.subscribe(tracked('AppInst'));
  caches.cloudletInfos.subscribe(
    log<CloudletState>('CloudletInfo', CloudletState.CLOUDLET_STATE_NOT_PRESENT, cloudletStateProtoName),
  );
}
