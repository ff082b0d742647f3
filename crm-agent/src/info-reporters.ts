import type { Clock, Logger } from '@edgeplane/base';
import { ObjectTable, type SendSource } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInstInfo } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInstInfo } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { type InstanceInfo, Reporter } from './reporter.js';
import { SentWatch } from './sent-watch.js';

interface Options {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether there is a session that sends. */
  readonly connected: () => boolean;
}

interface WithTroubles {
  /** What is wrong with an instance that runs. */
  readonly troubles: (keyJson: string) => readonly string[];
}

/** Reports of one sort of instance, and the source they are sent from. */
export interface InfoChannel<I extends InstanceInfo> {
  readonly reporter: Reporter<I>;
  readonly source: SendSource;
  /** To be called when a session ends. */
  disconnected(): void;
  stop(): void;
}

export function clusterInstChannel(options: Options): InfoChannel<ClusterInstInfo> {
  const table = new ObjectTable(OBJECTS.ClusterInstInfo);
  return channel(table, options, (keyJson) =>
    OBJECTS.ClusterInstInfo.withKey(OBJECTS.ClusterInstInfo.parseKeyJson(keyJson)),
  );
}

export function appInstChannel(options: Options & WithTroubles): InfoChannel<AppInstInfo> {
  const table = new ObjectTable(OBJECTS.AppInstInfo);
  return channel(table, options, (keyJson) =>
    OBJECTS.AppInstInfo.withKey(OBJECTS.AppInstInfo.parseKeyJson(keyJson)),
  );
}

function channel<I extends InstanceInfo, K>(
  table: ObjectTable<I, K>,
  options: Options & Partial<WithTroubles>,
  empty: (keyJson: string) => I,
): InfoChannel<I> {
  const sent = new SentWatch(table, options.connected);
  const reporter = new Reporter<I>({
    ...options,
    typeName: table.type.fullName,
    table: {
      get: (keyJson) => table.get(keyJson),
      put: (info) => table.put(info),
      delete: (keyJson) => void table.deleteKeyJson(keyJson),
    },
    build: (keyJson, state, errors) => ({ ...empty(keyJson), state, errors: [...errors] }),
    flushed: (keyJson) => sent.flushed(keyJson),
  });
  return {
    reporter,
    source: sent as unknown as SendSource,
    disconnected: () => sent.disconnected(),
    stop: () => sent.stop(),
  };
}
