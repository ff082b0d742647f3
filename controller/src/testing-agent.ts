import { seededRandom, silentLogger, systemClock } from '@edgeplane/base';
import {
  type MessageReceiver,
  NotifyClient,
  ObjectTable,
  type Receiver,
  type SendSource,
} from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { type CloudletInfo, type CloudletKey, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';

const S = TrackedState;

/** What the agent makes of one phase: end it well, fail with these errors, begin and never end, or say nothing. */
export type Behaviour = 'ok' | 'stuck' | 'silent' | { readonly fail: readonly string[] };

export interface Script {
  create: Behaviour;
  update: Behaviour;
  delete: Behaviour;
}

type Phase = keyof Script;

const REQUESTED: Readonly<Record<number, readonly [Phase, TrackedState]>> = {
  [S.CREATE_REQUESTED]: ['create', S.CREATING],
  [S.UPDATE_REQUESTED]: ['update', S.UPDATING],
  [S.DELETE_REQUESTED]: ['delete', S.DELETING],
};
const WORKING: Readonly<Record<number, readonly [Phase, TrackedState, TrackedState]>> = {
  [S.CREATING]: ['create', S.READY, S.CREATE_ERROR],
  [S.UPDATING]: ['update', S.READY, S.UPDATE_ERROR],
  [S.DELETING]: ['delete', S.NOT_PRESENT, S.DELETE_ERROR],
};

/** What an agent by script says of its site. */
export interface AgentOptions {
  readonly vmPorts?: boolean;
  readonly appUpdates?: boolean;
  /** Highest version of the notify protocol to speak. */
  readonly maxVersion?: number;
  readonly limits?: Partial<Pick<CloudletInfo, 'osMaxRam' | 'osMaxVcores' | 'osMaxVolGb' | 'limitsBinding'>>;
}

interface Instance {
  readonly state: TrackedState;
}

/** What becomes of an offer: the reply, or nothing. */
export type ExecScript = (request: ExecRequest) => Partial<ExecRequest> | undefined;

/**
 * An agent by script over the real notify client. It takes a step for each notice of the controller, so every state is
 * seen by the controller before the next one is reported.
 */
export class ScriptedAgent {
  readonly clusterInst: Script = { create: 'ok', update: 'ok', delete: 'ok' };
  readonly appInst: Script = { create: 'ok', update: 'ok', delete: 'ok' };
  /** `ClusterInst CREATING` and so on, for every notice about an instance. */
  readonly heard: string[] = [];
  readonly info = new ObjectTable(OBJECTS.CloudletInfo);
  readonly clusterInfos = new ObjectTable(OBJECTS.ClusterInstInfo);
  readonly appInfos = new ObjectTable(OBJECTS.AppInstInfo);
  readonly nodes = new ObjectTable(OBJECTS.Node);
  /** Every offer that came. */
  readonly offers: ExecRequest[] = [];
  exec: ExecScript = () => undefined;
  readonly #client: NotifyClient;

  constructor(notifyAddr: string, key: CloudletKey, options: AgentOptions = {}) {
    this.info.put({
      ...OBJECTS.CloudletInfo.withKey(key),
      state: CloudletState.CLOUDLET_STATE_READY,
      flavors: [
        { name: 'platform.small', vcpus: 1n, ram: 1024n, disk: 10n },
        { name: 'platform.large', vcpus: 8n, ram: 16384n, disk: 160n },
      ],
      publishesVmPorts: options.vmPorts ?? false,
      updatesAppInsts: options.appUpdates ?? true,
      ...options.limits,
    });
    this.nodes.put(OBJECTS.Node.withKey({ name: 'agent-host', nodeType: 2, cloudletKey: key }));
    const quiet = { onUpdate: () => undefined, onDelete: () => undefined };
    this.#client = new NotifyClient({
      addrs: [notifyAddr],
      ...(options.maxVersion && { maxVersion: options.maxVersion }),
      filterCloudletKey: true,
      sources: [this.info, this.appInfos, this.clusterInfos, this.nodes] as unknown as SendSource[],
      receivers: [
        { type: OBJECTS.Flavor, ...quiet },
        { type: OBJECTS.App, ...quiet },
        { type: OBJECTS.Cloudlet, ...quiet },
        this.#receiver(OBJECTS.ClusterInst, this.clusterInst, this.clusterInfos),
        this.#receiver(OBJECTS.AppInst, this.appInst, this.appInfos),
      ] as unknown as Receiver[],
      messageReceivers: [this.#execReceiver()] as readonly unknown[] as readonly MessageReceiver[],
      logger: silentLogger,
      clock: systemClock,
      random: seededRandom(1),
    });
    this.#client.start();
  }

  async ready(): Promise<this> {
    await this.#client.when('synced');
    return this;
  }

  /** Sends a Metric notice; whether the controller takes such. */
  measured(metric: Metric): boolean {
    return this.#client.sendMessage('Metric', metric);
  }

  stop(): Promise<void> {
    return this.#client.stop();
  }

  /** Sends a reply of its own accord. */
  sendExec(reply: ExecRequest): void {
    this.#client.sendMessage('ExecRequest', reply);
  }

  #execReceiver(): MessageReceiver<ExecRequest> {
    return {
      typeName: 'ExecRequest',
      onMessage: (request) => {
        this.offers.push(request);
        const reply = this.exec(request);
        if (reply) this.sendExec({ ...request, ...reply });
      },
    };
  }

  #receiver<T extends Instance, K, I, IK>(
    type: { readonly name: string; key(object: T): K },
    script: Script,
    infos: ObjectTable<I, IK>,
  ) {
    const report = (key: K, state: TrackedState, errors: readonly string[] = []) => {
      // Keys of instances and of their reports are the same messages.
      const info = infos.type.withKey(key as unknown as IK);
      infos.put({ ...info, state, errors: [...errors] });
    };
    return {
      type,
      onDelete: () => undefined,
      onUpdate: (inst: T) => {
        this.heard.push(`${type.name} ${inst.state}`);
        const key = type.key(inst);
        const begin = REQUESTED[inst.state];
        if (begin && script[begin[0]] !== 'silent') report(key, begin[1]);
        const end = WORKING[inst.state];
        if (!end) return;
        const [phase, done, failed] = end;
        const behaviour = script[phase];
        if (typeof behaviour === 'object') report(key, failed, behaviour.fail);
        else if (behaviour === 'ok' && done === S.NOT_PRESENT) infos.delete(key as unknown as IK);
        else if (behaviour === 'ok') report(key, done);
      },
    };
  }
}
