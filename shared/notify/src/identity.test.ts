/** Who a certificate lets a peer be, with certificates as deployments make them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Logger, silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { type NodeKey, NodeType } from '@edgeplane/proto/edgeproto/node.js';
import { loadTls, type PeerIdentity } from '@edgeplane/rpc';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NotifyClient } from './client.js';
import { notifyIdentity } from './identity.js';
import { appInstKey, clusterInstKey, make, newClient, startServer, table, until } from './testing.js';

const SCRIPT = resolve(fileURLToPath(import.meta.url), '../../../../deploy/make-certs.sh');
const dir = mkdtempSync(join(tmpdir(), 'edgeplane-identity-'));
const site = (name: string) => ({ operatorKey: { name: 'op' }, name });

function certificate(name: string, ...identities: string[]): void {
  execFileSync(SCRIPT, [dir, name, 'op', 'IP:127.0.0.1', ...identities], { stdio: 'pipe' });
}

const tlsOf = (name: string) => loadTls(join(dir, `${name}.crt`));

test.before(() => {
  certificate('server');
  certificate('agent', '1/crm/op/x');
  certificate('odd', '1/crm/op%2F%2C/x%20y');
  certificate('elsewhere', '2/crm/op/x');
  certificate('dme', '1/dme/d1');
  certificate('relay', '1/relay/r1');
  certificate('narrow', '1/relay/r2', '1/crm/op/x');
});
test.after(() => rmSync(dir, { recursive: true }));

/** A logger that remembers the reasons that it is given. */
function reasons() {
  const found: string[] = [];
  const line = (facts: unknown) => {
    const { reason } = (facts ?? {}) as { reason?: string };
    if (reason) found.push(reason);
  };
  const logger = { ...silentLogger, info: line, warn: line, error: line, debug: () => undefined };
  Object.assign(logger, { isLevelEnabled: () => false });
  Object.assign(logger, { child: () => logger });
  return { found, logger: logger as unknown as Logger };
}

interface Peer {
  readonly certificate?: string;
  readonly filtered?: boolean;
  readonly version?: number;
  /** What it reports. */
  readonly put?: (tables: ReturnType<typeof reportTables>) => void;
  readonly after?: (client: NotifyClient) => void;
  /** It asks for cookie keys, and waits for one. */
  readonly keys?: boolean;
}

function reportTables() {
  return {
    infos: table('CloudletInfo'),
    appInsts: table('AppInstInfo'),
    clusterInsts: table('ClusterInstInfo'),
    nodes: table('Node'),
  };
}

/** What a peer with this certificate is refused for, as both sides log it; nothing when all was taken. */
async function outcome(peer: Peer, required = false): Promise<string> {
  const [server, client] = [reasons(), reasons()];
  const taken = reportTables();
  const list = (tables: ReturnType<typeof reportTables>) =>
    Object.values(tables) as readonly unknown[] as never;
  const samples: unknown[] = [];
  const [offered, got] = [table('CookieKey'), table('CookieKey')];
  offered.put({ ...OBJECTS.CookieKey.withKey({ kid: 1 }), secret: 'hush', createdMs: 0n });
  const s = await startServer({
    sources: [offered] as readonly unknown[] as never,
    receivers: list(taken),
    messageReceivers: ['Metric', 'ExecRequest'].map((typeName) => ({
      typeName,
      onMessage: (message: unknown) => void samples.push(message),
    })),
    ...(peer.certificate !== undefined && { tls: tlsOf('server') }),
    identity: { region: '1', required },
    logger: server.logger,
  });
  const reports = reportTables();
  peer.put?.(reports);
  const c = newClient(s.address, {
    sources: list(reports),
    receivers: (peer.keys ? [got] : []) as readonly unknown[] as never,
    filterCloudletKey: peer.filtered ?? true,
    maxVersion: peer.version ?? 2,
    ...(peer.certificate !== undefined && { tls: tlsOf(peer.certificate) }),
    logger: client.logger,
  });
  c.start();
  const size = (tables: ReturnType<typeof reportTables>) =>
    Object.values(tables).reduce((sum, one) => sum + one.size, 0);
  let told = false;
  await until(() => {
    if (!told && c.state === 'synced') {
      told = true;
      peer.after?.(c);
    }
    const all = (!peer.after || samples.length > 0) && got.size === (peer.keys ? 1 : 0);
    const done = told && size(taken) === size(reports) && all;
    return done || (client.found.length > 0 && server.found.length > 0);
  });
  await c.stop();
  await s.server.stop();
  const reason = client.found[0] ?? '';
  if (reason !== '') assert.ok(server.found.includes(reason), `${reason}: ${server.found.join()}`);
  return reason;
}

const crmNode = (name: string, nodeType: NodeKey['nodeType'] = NodeType.NODE_CRM) =>
  OBJECTS.Node.withKey({ name: 'n', nodeType, cloudletKey: site(name) });
const sample = (cloudlet: string) => ({
  ...{ name: 'cloudlet-usage', timestamp: undefined, vals: [] },
  tags: [
    { name: 'oper', val: 'op' },
    { name: 'cloudlet', val: cloudlet },
  ],
});
const everything = (tables: ReturnType<typeof reportTables>, name: string) => {
  tables.infos.put(make.cloudletInfo(name));
  tables.appInsts.put(OBJECTS.AppInstInfo.withKey(appInstKey('a', name)));
  tables.clusterInsts.put(OBJECTS.ClusterInstInfo.withKey(clusterInstKey(name, 'c')));
  tables.nodes.put(crmNode(name));
};

for (const version of [1, 2]) {
  test(`version ${version}: an agent speaks for its own cloudlet and for no other`, async () => {
    const agent = { certificate: 'agent', version };
    const own = (tables: ReturnType<typeof reportTables>) => everything(tables, 'x');
    assert.is(await outcome({ ...agent, put: own }), '');
    assert.is(
      await outcome({ ...agent, put: own, after: (client) => client.sendMessage('Metric', sample('x')) }),
      '',
    );
    const speaks = /^certificate "agent" speaks for cloudlet \{.*"name":"x"\}, and may not /;
    const refused = async (peer: Peer, what: RegExp) => {
      const reason = await outcome({ ...agent, ...peer });
      assert.match(reason, speaks);
      assert.match(reason, what);
    };
    await refused(
      { put: (tables) => tables.infos.put(make.cloudletInfo('y')) },
      version === 1 ? /report CloudletInfo of cloudlet .*"y"/ : /ask for what belongs to cloudlet .*"y"/,
    );
    await refused({ filtered: false }, /ask for what belongs to every cloudlet/);
    await refused(
      { put: ({ appInsts }) => appInsts.put(OBJECTS.AppInstInfo.withKey(appInstKey('a', 'y'))) },
      /report AppInstInfo of cloudlet/,
    );
    await refused(
      {
        put: ({ clusterInsts }) =>
          clusterInsts.put(OBJECTS.ClusterInstInfo.withKey(clusterInstKey('y', 'c'))),
      },
      /report ClusterInstInfo of cloudlet/,
    );
    await refused({ put: ({ nodes }) => nodes.put(crmNode('y')) }, /report a Node of cloudlet/);
    await refused(
      { put: ({ nodes }) => nodes.put(crmNode('x', NodeType.NODE_DME)) },
      /report a Node of type 1/,
    );
    await refused(
      { after: (client) => client.sendMessage('Metric', sample('y')) },
      /send samples of cloudlet/,
    );
    const reply = { offer: 'o', answer: 'a', err: '', requestId: '', appInstKey: appInstKey('a', 'y') };
    await refused(
      { after: (client) => client.sendMessage('ExecRequest', { ...execRequest(), ...reply }) },
      /send edgeproto.ExecRequest about cloudlet/,
    );
  });

  test(`version ${version}: cookie keys are for match engines that prove to be such`, async () => {
    const asks = { keys: true, filtered: false, version };
    assert.is(await outcome({ ...asks, certificate: 'dme' }), '');
    const refusals: readonly (readonly [string | undefined, RegExp])[] = [
      ['relay', /speaks for relay r1, and may not ask for edgeproto.CookieKey/],
      ['server', /certificate "server" may not ask for edgeproto.CookieKey: that takes .*1\/dme\/<id>/],
      [undefined, /a peer without a certificate may not ask for edgeproto.CookieKey/],
    ];
    for (const [certificate, reason] of refusals)
      assert.match(await outcome({ ...asks, ...(certificate && { certificate }) }), reason);
    const agent = { ...asks, certificate: 'agent', filtered: true };
    assert.match(await outcome(agent), /may not ask for edgeproto.CookieKey/);
  });

  test(`version ${version}: a match engine reports itself and nothing else`, async () => {
    const dme = { certificate: 'dme', filtered: false, version };
    assert.is(await outcome({ ...dme, put: ({ nodes }) => nodes.put(crmNode('x', NodeType.NODE_DME)) }), '');
    const refusals: readonly [Peer, RegExp][] = [
      [
        { put: ({ infos }) => infos.put(make.cloudletInfo('x')) },
        /match engine d1, and may not report CloudletInfo/,
      ],
      [{ put: ({ nodes }) => nodes.put(crmNode('x')) }, /report a Node of type 2/],
      [{ after: (client) => client.sendMessage('Metric', sample('x')) }, /send samples named cloudlet-usage/],
    ];
    for (const [peer, what] of refusals) assert.match(await outcome({ ...dme, ...peer }), what);
  });
}

test('a relay speaks for all cloudlets, or for those that are named beside it', async () => {
  const put = (tables: ReturnType<typeof reportTables>) => everything(tables, 'y');
  assert.is(await outcome({ certificate: 'relay', put }), '');
  assert.is(await outcome({ certificate: 'relay', filtered: false, put }), '');
  assert.is(await outcome({ certificate: 'narrow', put: (tables) => everything(tables, 'x') }), '');
  assert.match(await outcome({ certificate: 'narrow', put }), /speaks for relay r2, and may not ask for/);
  assert.match(await outcome({ certificate: 'narrow', filtered: false }), /every cloudlet/);
});

test('who says nothing is believed, unless that is not allowed; who says something wrong is refused', async () => {
  const put = (tables: ReturnType<typeof reportTables>) => everything(tables, 'y');
  assert.is(await outcome({ put }), '', 'plain text');
  assert.is(await outcome({ certificate: 'server', put }), '', 'a certificate without a notify identity');
  assert.match(await outcome({ put }, true), /a peer without a certificate has no notify identity/);
  assert.match(await outcome({ certificate: 'server' }, true), /certificate "server" has no notify identity/);
  assert.match(
    await outcome({ certificate: 'elsewhere' }),
    /certificate "elsewhere" is wrong: .*2\/crm\/op\/x is of another region than 1/,
  );
});

test('names in a certificate', () => {
  const of = (...altNames: string[]): PeerIdentity => ({
    ...{ commonName: 'c', organizations: [], fingerprint: 'F', altNames },
  });
  const odd = notifyIdentity(of('DNS:a', 'URI:edgeplane://1/crm/op%2F%2C/x%20y'), '1');
  assert.equal(odd?.role === 'crm' && [...odd.cloudlets], [
    OBJECTS.Cloudlet.keyJson({ operatorKey: { name: 'op/,' }, name: 'x y' }),
  ]);
  assert.is(notifyIdentity(of('DNS:a', 'URI:https://example'), '1'), undefined);
  for (const wrong of [
    ['URI:edgeplane://1/crm/op'],
    ['URI:edgeplane://1/crm/op/x/y'],
    ['URI:edgeplane://1/crm//x'],
    ['URI:edgeplane://1/relay/%zz'],
    ['URI:edgeplane://1/other/x'],
    ['URI:edgeplane://1/relay/a', 'URI:edgeplane://1/relay/b'],
    ['URI:edgeplane://1/dme/a', 'URI:edgeplane://1/crm/op/x'],
    // One name with commas in it, taken apart.
    ['URI:"a', 'URI:edgeplane://1/relay/r', 'b"'],
  ])
    assert.throws(
      () => notifyIdentity(of(...wrong), '1'),
      /notify identity in certificate "c" is wrong/,
      wrong[0],
    );
});

function execRequest() {
  return {
    appInstKey: undefined,
    command: '',
    containerId: '',
    offer: '',
    answer: '',
    err: '',
    requestId: '',
  };
}

test.run();
