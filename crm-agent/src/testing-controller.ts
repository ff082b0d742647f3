import { silentLogger } from '@edgeplane/base';
import { NotifyServer, ObjectTable, type Receiver, type SendSource } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';

const S = TrackedState;

/** What a controller accepts of an agent, per state of its own (spec section 10.4). */
const ACCEPTED: Readonly<Record<number, readonly TrackedState[]>> = {
  [S.CREATE_REQUESTED]: [S.CREATING, S.READY, S.CREATE_ERROR],
  [S.CREATING]: [S.READY, S.CREATE_ERROR],
  [S.UPDATE_REQUESTED]: [S.UPDATING, S.READY, S.UPDATE_ERROR],
  [S.UPDATING]: [S.READY, S.UPDATE_ERROR],
  [S.DELETE_REQUESTED]: [S.DELETING, S.DELETE_ERROR],
  [S.DELETING]: [S.DELETE_ERROR],
};

interface Instance {
  readonly state: TrackedState;
  readonly errors: string[];
}

/** A controller for tests: tables, and the state changes that reports of the agent make. */
export class TestController {
  readonly tables = {
    flavors: new ObjectTable(OBJECTS.Flavor),
    cloudlets: new ObjectTable(OBJECTS.Cloudlet),
    clusterInsts: new ObjectTable(OBJECTS.ClusterInst),
    apps: new ObjectTable(OBJECTS.App),
    appInsts: new ObjectTable(OBJECTS.AppInst),
  };
  readonly #server: NotifyServer;

  constructor() {
    const { clusterInsts, appInsts } = this.tables;
    const ignore = { onUpdate: () => undefined, onDelete: () => undefined };
    const receivers: unknown[] = [
      { type: OBJECTS.CloudletInfo, ...ignore },
      { type: OBJECTS.Node, ...ignore },
      { type: OBJECTS.ClusterInstInfo, ...stepper(clusterInsts) },
      { type: OBJECTS.AppInstInfo, ...stepper(appInsts) },
    ];
    this.#server = new NotifyServer({
      sources: Object.values(this.tables) as unknown as SendSource[],
      receivers: receivers as Receiver[],
      messageReceivers: [],
      logger: silentLogger,
    });
  }

  listen(): Promise<string> {
    return this.#server.listen('127.0.0.1:0');
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

function stepper<T extends Instance, K>(table: ObjectTable<T, K>) {
  return {
    onUpdate(info: { key: K; state: TrackedState; errors: string[] }) {
      const instance = table.find(info.key);
      if (!instance || !ACCEPTED[instance.state]?.includes(info.state)) return;
      table.put({ ...instance, state: info.state, errors: info.errors });
    },
    onDelete(key: K) {
      const state = table.find(key)?.state;
      if (state === S.DELETING || state === S.DELETE_REQUESTED) table.delete(key);
    },
  };
}
