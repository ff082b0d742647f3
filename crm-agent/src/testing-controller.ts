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
  readonly tables;
  /** Key JSON of the instances that were last reported READY to this one. */
  readonly ready = new Set<string>();
  readonly #server: NotifyServer;

  /**
   * @param tables what it has stored; another one may have had them before
   * @param maxVersion of the notify protocol
   */
  constructor(tables = storedTables(), maxVersion = 1) {
    this.tables = tables;
    const { clusterInsts, appInsts } = this.tables;
    const ignore = { onUpdate: () => undefined, onDelete: () => undefined };
    const receivers: unknown[] = [
      { type: OBJECTS.CloudletInfo, ...ignore },
      { type: OBJECTS.Node, ...ignore },
      { type: OBJECTS.ClusterInstInfo, ...stepper(clusterInsts, this.ready) },
      { type: OBJECTS.AppInstInfo, ...stepper(appInsts, this.ready) },
    ];
    this.#server = new NotifyServer({
      sources: Object.values(this.tables) as unknown as SendSource[],
      receivers: receivers as Receiver[],
      messageReceivers: [],
      maxVersion,
      logger: silentLogger,
    });
  }

  listen(address = '127.0.0.1:0'): Promise<string> {
    return this.#server.listen(address);
  }

  /** Objects sent, and ends of objects (version 2). */
  get changesSent(): number {
    return this.#server.counters.changesSent;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

function storedTables() {
  return {
    flavors: new ObjectTable(OBJECTS.Flavor),
    cloudlets: new ObjectTable(OBJECTS.Cloudlet),
    clusterInsts: new ObjectTable(OBJECTS.ClusterInst),
    apps: new ObjectTable(OBJECTS.App),
    appInsts: new ObjectTable(OBJECTS.AppInst),
  };
}

function stepper<T extends Instance, K>(table: ObjectTable<T, K>, ready: Set<string>) {
  return {
    onUpdate(info: { key: K; state: TrackedState; errors: string[] }) {
      const keyJson = table.type.keyJson(info.key);
      if (info.state === S.READY) ready.add(keyJson);
      else ready.delete(keyJson);
      const instance = table.find(info.key);
      if (!instance || !ACCEPTED[instance.state]?.includes(info.state)) return;
      table.put({ ...instance, state: info.state, errors: info.errors });
    },
    onDelete(key: K) {
      ready.delete(table.type.keyJson(key));
      const state = table.find(key)?.state;
      if (state === S.DELETING || state === S.DELETE_REQUESTED) table.delete(key);
    },
  };
}
