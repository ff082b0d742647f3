import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { silentLogger, systemClock } from '@edgeplane/base';
import {
  type MessageReceiver,
  NotifyServer,
  ObjectTable,
  type Receiver,
  type SendSource,
} from '@edgeplane/notify';
import { OBJECTS, type ObjectName } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import { CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { NodeType } from '@edgeplane/proto/edgeproto/node.js';
import { callShell } from '@edgeplane/remote-shell';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AgentOverrides, createAgent } from './agent.js';
import type { AgentConfig } from './config.js';
import { FAKE_DEFAULTS, FakeDriver, type FakeSettings, parseFakeRules } from './drivers/fake/index.js';
import { FLINTLOCK_DEFAULTS } from './southbound/flintlock/settings.js';
import { testApp, testAppInst, testCloudletKey, testClusterInst, testFlavor } from './testing.js';

const S = TrackedState;
const work = mkdtempSync(join(tmpdir(), 'agent-'));
test.after(() => rmSync(work, { recursive: true, force: true }));

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 5000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${what}: not met in time`);
}

/** Records what agents report, in order. */
class Recorder {
  readonly log: string[] = [];
  readonly infos = new Map<string, { state: number; errors: readonly string[]; [name: string]: unknown }>();

  receiver(name: ObjectName): Receiver {
    return {
      type: OBJECTS[name] as unknown as Receiver['type'],
      onUpdate: (object) => {
        const info = object as { state: number; errors: readonly string[] };
        const state = name === 'CloudletInfo' || name === 'Node' ? '' : ` ${stateName(info.state)}`;
        this.log.push(`${name}${state}`);
        this.infos.set(name, { ...info });
      },
      onDelete: () => void this.log.push(`${name} gone`),
    };
  }
}

const stateName = (state: number) => Object.entries(S).find(([, n]) => n === state)?.[0] ?? String(state);

/** The controller's end of notify over raw tables. */
async function controller(address = '127.0.0.1:0', tables = newTables()) {
  const recorder = new Recorder();
  const messages: ExecRequest[] = [];
  const exec: MessageReceiver<ExecRequest> = {
    typeName: 'ExecRequest',
    onMessage: (message) => void messages.push(message),
  };
  const names: ObjectName[] = ['CloudletInfo', 'AppInstInfo', 'ClusterInstInfo', 'Node'];
  const server = new NotifyServer({
    sources: Object.values(tables) as unknown as SendSource[],
    receivers: names.map((name) => recorder.receiver(name)),
    messageReceivers: [exec as MessageReceiver],
    logger: silentLogger,
  });
  return { server, tables, messages, ...recorderParts(recorder), address: await server.listen(address) };
}

function recorderParts(recorder: Recorder) {
  const seen = (line: string, times = 1) =>
    until(line, () => recorder.log.filter((l) => l === line).length >= times);
  return { log: recorder.log, infos: recorder.infos, seen };
}

function newTables() {
  return {
    flavors: new ObjectTable(OBJECTS.Flavor),
    cloudlets: new ObjectTable(OBJECTS.Cloudlet),
    clusterInsts: new ObjectTable(OBJECTS.ClusterInst),
    apps: new ObjectTable(OBJECTS.App),
    appInsts: new ObjectTable(OBJECTS.AppInst),
  };
}

function config(address: string, name: string, fake: Partial<FakeSettings> = {}): AgentConfig {
  return {
    cloudletKey: testCloudletKey,
    platform: 'fakecloudlet',
    apiAddr: '127.0.0.1:0',
    metricsAddr: '',
    notifyAddrs: [address],
    notifyVersion: 1,
    tls: '',
    hostname: 'host1',
    stateDir: join(work, name),
    http: { port: 0 },
    registryAuth: '',
    nodeImage: '',
    publicAddr: '127.0.0.1',
    imageDir: '',
    cpuOvercommit: 1,
    onStop: 'keep',
    metricsIntervalMs: 0,
    stun: [],
    operations: { inventory: '', strictStatus: false },
    doors: [],
    flintlock: FLINTLOCK_DEFAULTS,
    virtrigaud: { pvcDir: '', fileDirs: [], allowedHosts: [], consoleAddr: '', maxFetchBytes: 0 },
    pods: { implicitPods: true, defaultImage: '' },
    execIdleMs: 60_000,
    fake: { ...FAKE_DEFAULTS, ...fake },
  };
}

async function withAgent(
  name: string,
  body: (c: Awaited<ReturnType<typeof controller>>) => Promise<void>,
  options: {
    fake?: Partial<FakeSettings>;
    overrides?: AgentOverrides;
    prepare?(tables: ReturnType<typeof newTables>): void;
  } = {},
): Promise<void> {
  const tables = newTables();
  tables.flavors.put(testFlavor());
  options.prepare?.(tables);
  const c = await controller('127.0.0.1:0', tables);
  const agent = createAgent(config(c.address, name, options.fake), {
    logger: silentLogger,
    ...options.overrides,
  });
  try {
    await agent.start();
    await c.seen('Node');
    await body(c);
  } finally {
    await agent.stop();
    await c.server.stop();
  }
}

const putCluster = (c: { tables: ReturnType<typeof newTables> }, over: Partial<ClusterInst>) =>
  c.tables.clusterInsts.put(testClusterInst(over));
const putApp = (
  c: { tables: ReturnType<typeof newTables> },
  over: Partial<AppInst>,
  app: App = testApp(),
) => {
  c.tables.apps.put(app);
  c.tables.appInsts.put(testAppInst(over, app));
};

test('the site and the node are reported', async () => {
  await withAgent('site', async (c) => {
    const info = c.infos.get('CloudletInfo');
    assert.equal([info?.['osMaxRam'], info?.['osMaxVcores'], info?.['osMaxVolGb']], [500n, 50n, 5000n]);
    assert.equal(info?.['flavors'], [{ name: 'flavor1', vcpus: 10n, ram: 101024n, disk: 500n }]);
    assert.is(info?.state, CloudletState.CLOUDLET_STATE_READY);
    const node = c.infos.get('Node');
    assert.equal(node?.['key'], { name: 'host1', nodeType: NodeType.NODE_CRM, cloudletKey: testCloudletKey });
    const [peer] = c.server.peers();
    assert.is(peer?.filterCloudletKey, true);
    assert.equal(
      peer?.wantObjs,
      ['Flavor', 'App', 'AppInst', 'Cloudlet', 'ClusterInst', 'ExecRequest'].map((n) => `edgeproto.${n}`),
    );
  });
});

test('a site whose limits are unknown is reported with the reason', async () => {
  const fake = { rules: parseFakeRules('gather=fail:no quota') };
  await withAgent(
    'limits',
    async (c) => {
      const info = c.infos.get('CloudletInfo');
      assert.is(info?.state, CloudletState.CLOUDLET_STATE_ERRORS);
      assert.equal(info?.errors, ['get limits failed: no quota']);
    },
    { fake },
  );
});

test('each step of a life is reported, also when it takes no time', async () => {
  await withAgent('life', async (c) => {
    putCluster(c, {});
    await c.seen('ClusterInstInfo READY');
    putApp(c, {});
    await c.seen('AppInstInfo READY');
    putApp(c, { state: S.DELETE_REQUESTED });
    await c.seen('AppInstInfo gone');
    putCluster(c, { state: S.DELETE_REQUESTED });
    await c.seen('ClusterInstInfo gone');
    assert.equal(
      c.log.filter((l) => /InstInfo/.test(l)),
      [
        ...['ClusterInstInfo CREATING', 'ClusterInstInfo READY', 'AppInstInfo CREATING', 'AppInstInfo READY'],
        ...['AppInstInfo DELETING', 'AppInstInfo gone', 'ClusterInstInfo DELETING', 'ClusterInstInfo gone'],
      ],
    );
  });
});

test('a cluster update is refused as UPDATE_ERROR', async () => {
  await withAgent('update', async (c) => {
    putCluster(c, {});
    await c.seen('ClusterInstInfo READY');
    putCluster(c, { state: S.UPDATE_REQUESTED, numNodes: 2 });
    await c.seen('ClusterInstInfo UPDATE_ERROR');
    assert.equal(c.infos.get('ClusterInstInfo')?.errors, [
      'update failed: update cluster not supported for fake cloudlets',
    ]);
    assert.ok(c.log.includes('ClusterInstInfo UPDATING'));
  });
});

test('a driver that can update clusters does', async () => {
  await withAgent(
    'updates',
    async (c) => {
      putCluster(c, {});
      await c.seen('ClusterInstInfo READY');
      putCluster(c, { state: S.UPDATE_REQUESTED, numNodes: 2 });
      await c.seen('ClusterInstInfo READY', 2);
    },
    { fake: { clusterUpdate: true } },
  );
});

test('failures carry the text', async () => {
  await withAgent('failures', async (c) => {
    putCluster(c, {});
    await c.seen('ClusterInstInfo READY');
    putApp(c, {}, testApp({ annotations: 'fake.create=fail:no luck today' }));
    await c.seen('AppInstInfo CREATE_ERROR');
    assert.equal(c.infos.get('AppInstInfo')?.errors, ['Create App Inst failed: no luck today']);
  });
});

test('an agent that starts anew takes up what was in progress', async () => {
  const prepare = (tables: ReturnType<typeof newTables>) => {
    tables.clusterInsts.put(testClusterInst({ state: S.CREATING }, 'creating'));
    tables.clusterInsts.put(testClusterInst({ state: S.DELETING }, 'deleting'));
    tables.clusterInsts.put(testClusterInst({ state: S.READY }, 'missing'));
  };
  const body = async (c: Awaited<ReturnType<typeof controller>>) => {
    await c.seen('ClusterInstInfo READY', 2);
    await c.seen('ClusterInstInfo gone');
    assert.ok(c.log.includes('ClusterInstInfo DELETING'));
  };
  await withAgent('anew', body, { prepare });
});

test('an agent that starts again reports what it has without making it anew', async () => {
  await withAgent('again', async (c) => {
    putCluster(c, {});
    await c.seen('ClusterInstInfo READY');
  });
  await withAgent(
    'again',
    async (c) => {
      await c.seen('ClusterInstInfo READY');
      assert.not.ok(c.log.includes('ClusterInstInfo CREATING'));
    },
    {
      fake: { rules: parseFakeRules('create-cluster=fail:must not run') },
      prepare: (tables) => tables.clusterInsts.put(testClusterInst({ state: S.READY })),
    },
  );
});

test('a deletion that the controller missed is reported again on the next connection', async () => {
  const tables = newTables();
  tables.clusterInsts.put(testClusterInst({ state: S.DELETE_REQUESTED }));
  const first = await controller('127.0.0.1:0', tables);
  const agent = createAgent(config(first.address, 'missed'), { logger: silentLogger });
  await agent.start();
  await first.seen('ClusterInstInfo gone');
  await first.server.stop();
  // The controller has lost the notice and still waits.
  tables.clusterInsts.put(testClusterInst({ state: S.DELETING }));
  const second = await controller(first.address, tables);
  try {
    await second.seen('ClusterInstInfo gone');
  } finally {
    await agent.stop();
    await second.server.stop();
  }
});

test('objects that vanish while disconnected are not deleted', async () => {
  const driver = new FakeDriver();
  const first = await controller();
  first.tables.clusterInsts.put(testClusterInst());
  const agent = createAgent(config(first.address, 'vanish'), { logger: silentLogger, driver });
  await agent.start();
  await first.seen('ClusterInstInfo READY');
  await first.server.stop();
  const second = await controller(first.address);
  try {
    await second.seen('Node');
    await second.seen('ClusterInstInfo READY');
    assert.is((await driver.recover()).clusterInsts.length, 1);
  } finally {
    await agent.stop();
    await second.server.stop();
  }
});

test('requests for a shell are answered with what is missing, or with an answer', async () => {
  const request = (over: Partial<ExecRequest>): ExecRequest => ({
    appInstKey: testAppInst().key,
    ...{ command: '', containerId: '', offer: '{}', answer: '', err: '', requestId: 'r', plain: true },
    ...over,
  });
  await withAgent('exec', async (c) => {
    const ask = async (message: ExecRequest) => {
      const before = c.messages.length;
      c.server.sendMessage('ExecRequest', message);
      await until('a reply', () => c.messages.length > before);
      const reply = c.messages.at(-1);
      assert.is(reply?.requestId, message.requestId);
      return reply;
    };
    assert.match((await ask(request({})))?.err ?? '', /^app inst \{.*\} not found$/);
    assert.match((await ask(request({ appInstKey: undefined })))?.err ?? '', /^app inst .* not found$/);
    putCluster(c, {});
    putApp(c, {});
    await c.seen('AppInstInfo READY');
    assert.match((await ask(request({ containerId: 'x' })))?.err ?? '', /^container x is not present/);
    assert.match((await ask(request({})))?.err ?? '', /^unable to decode offer, its type is not "offer"$/);
    let said = '';
    const end = await callShell({
      exchange: async (offer) => {
        const reply = await ask(request({ offer }));
        if (!reply?.answer) throw new Error(reply?.err);
        return reply.answer;
      },
      io: {
        input: Readable.from([Buffer.from('echo hello\nexit 3\n')]),
        output: async (data) => {
          said += Buffer.from(data).toString();
        },
        errors: async () => undefined,
      },
      iceServers: [],
      clock: systemClock,
      signal: new AbortController().signal,
    });
    assert.equal([said, end], ['hello\n', { code: 3 }]);
  });
});

test('two agents on one state directory: the second is refused', async () => {
  await withAgent('twice', async (c) => {
    const second = createAgent(config(c.address, 'twice'), { logger: silentLogger });
    const failure = await second.start().then(
      () => '',
      (error: Error) => error.message,
    );
    assert.match(failure, /state directory .*twice is in use by agent process/);
    await second.stop();
  });
});

test('many instances at once', async () => {
  await withAgent('many', async (c) => {
    putCluster(c, {});
    for (let i = 0; i < 100; i++) putApp(c, {}, testApp({}, `app${i}`));
    await c.seen('AppInstInfo READY', 100);
    assert.is(c.log.filter((l) => l === 'AppInstInfo CREATING').length, 100);
  });
});

test.run();
