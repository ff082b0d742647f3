import { silentLogger } from '@edgeplane/base';
import {
  DEFAULT_LIMITS,
  type NodeTime,
  NotifyClient,
  type NotifyLimits,
  NotifyServer,
  type ObjectTable,
  type PeerInfo,
  type Receiver,
  Speakers,
} from '@edgeplane/notify';
import { controllerTables, make, TestLink, table } from '@edgeplane/notify/testing';
import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { createRelay, type Relay } from './relay.js';

/** Reports as a controller takes them: of each key the object and the peer that it came from. */
export class Reports<T, K> implements Receiver<T, K> {
  readonly type: ObjectType<T, K>;
  readonly held = new Map<string, { readonly object: T; readonly peer: bigint }>();
  /** Keys that their agents withdrew. */
  readonly withdrawn: string[] = [];

  constructor(type: ObjectType<T, K>) {
    this.type = type;
  }

  onUpdate(object: T, peer: PeerInfo): void {
    this.held.set(this.type.keyJsonOf(object), { object, peer: peer.id });
  }

  onDelete(_key: K, keyJson: string): void {
    this.withdrawn.push(keyJson);
    this.held.delete(keyJson);
  }

  onDisconnect(peer: PeerInfo): void {
    for (const [keyJson, report] of [...this.held]) if (report.peer === peer.id) this.held.delete(keyJson);
  }
}

const LIMITS: Partial<NotifyLimits> = { graceMs: 30 };
/** Reconnects at once. */
const RANDOM = { next: () => 0 };

/** Connections between nodes of one process, by address. */
export class TestNet {
  readonly #links = new Map<string, TestLink>();

  link(address: string): TestLink {
    let link = this.#links.get(address);
    if (!link) {
      link = new TestLink();
      this.#links.set(address, link);
    }
    return link;
  }

  readonly dial = (address: string) => this.link(address).dial(address);
}

/** A controller: its tables, and what was reported to it. */
export function testController(
  net: TestNet,
  address: string,
  tables = controllerTables(),
  lineage = 'store',
  time: Partial<NodeTime> = {},
) {
  const { CloudletInfo, AppInstInfo, Node } = OBJECTS;
  const reports = {
    infos: new Reports(CloudletInfo),
    insts: new Reports(AppInstInfo),
    nodes: new Reports(Node),
  };
  const metrics: PeerInfo[] = [];
  const execs: ExecRequest[] = [];
  const speakers = new Speakers();
  const receivers = [
    speakers.of(reports.infos),
    speakers.of(reports.insts),
    speakers.of(reports.nodes),
  ] as readonly unknown[];
  const server = new NotifyServer({
    sources: Object.values(tables) as readonly unknown[] as never,
    receivers: receivers as readonly Receiver[],
    messageReceivers: [
      { typeName: 'Metric', onMessage: (_message, peer) => void metrics.push(peer) },
      { typeName: 'ExecRequest', onMessage: (message) => void execs.push(message as ExecRequest) },
    ],
    time: { lineage, ...time },
    maxVersion: 2,
    logger: silentLogger,
    limits: LIMITS,
  });
  net.link(address).server = server;
  return { server, tables, reports, metrics, execs };
}

/** A relay that serves its own name as an address. */
export async function testRelay(net: TestNet, name: string, above: readonly string[]): Promise<Relay> {
  const relay = createRelay(
    {
      notifyAddrs: above,
      notifyListen: '127.0.0.1:0',
      name,
      metricsAddr: '',
      tls: undefined,
      limits: DEFAULT_LIMITS,
      identity: { region: '1', required: false },
      debug: { areas: [], unknown: [] } as never,
    },
    { dial: net.dial, logger: silentLogger, limits: LIMITS, random: RANDOM },
  );
  await relay.start();
  net.link(name).server = relay.server;
  return relay;
}

export interface TestAgent {
  readonly site: string;
  readonly client: NotifyClient;
  readonly tables: ReturnType<typeof controllerTables>;
  readonly infos: ObjectTable<unknown, unknown>;
  readonly insts: ReturnType<typeof table<'AppInstInfo'>>;
}

/** The agent of a site: what it was sent, and what it reports. */
export function testAgent(
  net: TestNet,
  site: string,
  above: readonly string[],
  maxVersion = 2,
  onOffer?: (offer: ExecRequest) => void,
): TestAgent {
  const tables = controllerTables();
  const infos = table('CloudletInfo');
  infos.put(make.cloudletInfo(site));
  const insts = table('AppInstInfo');
  const nodes = table('Node');
  nodes.put(OBJECTS.Node.withKey({ ...OBJECTS.Node.key(OBJECTS.Node.empty()), name: site }));
  const client = new NotifyClient({
    addrs: above,
    filterCloudletKey: true,
    sources: [infos, insts, nodes] as readonly unknown[] as never,
    receivers: Object.values(tables) as readonly unknown[] as never,
    messageReceivers: onOffer
      ? [{ typeName: 'ExecRequest', onMessage: (offer) => onOffer(offer as ExecRequest) }]
      : [],
    maxVersion,
    dial: net.dial,
    logger: silentLogger,
    limits: LIMITS,
    random: RANDOM,
  });
  client.start();
  return { site, client, tables, infos: infos as never, insts };
}
