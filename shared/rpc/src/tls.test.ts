import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { get as httpsGet } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeplaneError, silentLogger } from '@edgeplane/base';
import { Metrics } from '@edgeplane/observe';
import { FlavorApiClient, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { callUnary, connect } from './client.js';
import type { PeerIdentity } from './context.js';
import type { ConnectionLimits } from './guarded-listener.js';
import { serverStream, unary } from './handler.js';
import { serveMetrics } from './metrics-listener.js';
import { RpcServer } from './server.js';
import { makeTestCa, makeTestCertificate } from './testing.js';
import { loadTls, type TlsMaterial } from './tls.js';

const dir = mkdtempSync(join(tmpdir(), 'edgeplane-rpc-'));

test.before(() => {
  makeTestCa(dir, 'mex-ca');
  makeTestCertificate(dir, 'server', 'mex-ca', 'IP:127.0.0.1,DNS:localhost', 'edgeplane');
  makeTestCertificate(dir, 'agent', 'mex-ca', 'DNS:agent', 'edgeplane');
  makeTestCertificate(dir, 'elsewhere', 'mex-ca', 'DNS:elsewhere', 'edgeplane');
  makeTestCa(dir, 'other-ca');
  makeTestCertificate(dir, 'stranger', 'other-ca', 'IP:127.0.0.1', 'edgeplane');
});
test.after(() => rmSync(dir, { recursive: true }));

const load = (name: string) => loadTls(join(dir, `${name}.crt`));
const flavor = { fields: [], key: { name: 'f' }, ram: 0n, vcpus: 0n, disk: 0n, devices: [] };

async function start(tls: TlsMaterial | undefined, connections?: ConnectionLimits) {
  const seen: (PeerIdentity | undefined)[] = [];
  const server = new RpcServer({
    logger: silentLogger,
    name: 'tls',
    tls,
    ...(connections && { connections }),
  });
  const answer = unary(async (_request: unknown, context) => {
    seen.push(context.identity);
    return { message: 'ok', code: 0 };
  });
  server.addService(FlavorApiService, {
    createFlavor: answer,
    deleteFlavor: answer,
    updateFlavor: answer,
    showFlavor: serverStream(async () => undefined),
  });
  return { server, seen, address: await server.listen('127.0.0.1:0') };
}

/** The answer, or the status of the failure; its text with `text`. */
async function call(address: string, tls: TlsMaterial | undefined, text = false): Promise<string> {
  const client = connect(FlavorApiClient, address, tls);
  try {
    return (await callUnary(client, 'createFlavor', flavor, { deadlineMs: 5000 })).message;
  } catch (error) {
    assert.instance(error, EdgeplaneError);
    return text ? (error as EdgeplaneError).message : (error as EdgeplaneError).status;
  } finally {
    client.close();
  }
}

test('a client with a certificate of the CA is let in and known by it', async () => {
  const t = await start(load('server'));
  assert.is(await call(t.address, load('agent')), 'ok');
  assert.is(t.seen[0]?.commonName, 'agent');
  assert.equal(t.seen[0]?.organizations, ['edgeplane']);
  assert.equal(t.seen[0]?.altNames, ['DNS:agent']);
  assert.match(t.seen[0]?.fingerprint ?? '', /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  await t.server.stop();
});

test('a client without a certificate, with one of another CA, or in plain text is kept out', async () => {
  const t = await start(load('server'));
  const ca = load('server').ca;
  assert.is(await call(t.address, undefined), 'UNAVAILABLE');
  assert.is(await call(t.address, { ...load('stranger'), ca }), 'UNAVAILABLE');
  assert.equal(t.seen, []);
  await t.server.stop();
});

test('behind a listener that counts connections it is the same, and a handshake that never ends is broken off', async () => {
  const t = await start(load('server'), {
    max: 9,
    maxPerAddress: 9,
    firstCallMs: 300,
    lingerMs: 300,
    maxStreams: 4,
  });
  assert.is(await call(t.address, undefined), 'UNAVAILABLE');
  assert.equal(t.seen, []);
  const client = connect(FlavorApiClient, t.address, load('agent'));
  const answer = async () => (await callUnary(client, 'createFlavor', flavor, { deadlineMs: 5000 })).message;
  assert.is(await answer(), 'ok');
  assert.is(t.seen[0]?.commonName, 'agent');
  const before = t.server.connectionCounters.brokenOff;
  const silent = tcpConnect(Number(t.address.split(':')[1]), '127.0.0.1', () => {
    // The beginning of a ClientHello.
    silent.write(Buffer.from('1603010200010001fc0303', 'hex'));
  });
  silent.on('error', () => undefined).resume();
  await once(silent, 'close');
  assert.is(t.server.connectionCounters.brokenOff, before + 1);
  assert.is(await answer(), 'ok', 'who has made a call stays');
  client.close();
  await t.server.stop();
});

test('when only one end speaks TLS, the error says so', async () => {
  const secure = await start(load('server'));
  assert.match(await call(secure.address, undefined, true), /does the server expect TLS\?/);
  await secure.server.stop();
  const plain = await start(undefined);
  assert.match(await call(plain.address, load('agent'), true), /the server speaks plain text, not TLS/);
  // It stops although a connection was none of HTTP/2.
  await plain.server.stop();
});

test('a server is trusted only with a certificate of the CA that names the host dialled', async () => {
  for (const name of ['elsewhere', 'stranger']) {
    const own = load(name);
    const t = await start({ ...own, ca: load('server').ca });
    assert.is(await call(t.address, load('agent')), 'UNAVAILABLE', name);
    assert.equal(t.seen, []);
    await t.server.stop();
  }
});

test('a server may have another name than it is dialled by, when the client is told which', async () => {
  const t = await start({ ...load('elsewhere'), ca: load('server').ca });
  const client = connect(FlavorApiClient, t.address, load('agent'), { serverName: 'elsewhere' });
  assert.is((await callUnary(client, 'createFlavor', flavor, { deadlineMs: 5000 })).message, 'ok');
  client.close();
  await t.server.stop();
});

test('files are found by the rules of the reference, and missing ones are named', () => {
  assert.throws(() => loadTls(join(dir, 'none.crt')), /cannot read TLS certificate .*none\.crt/);
  const crts = join(dir, 'crts');
  mkdirSync(crts);
  for (const file of ['agent.crt', 'agent.key', 'mex-ca.crt'])
    execFileSync('cp', [join(dir, file), join(crts, file)]);
  assert.equal(loadTls(join(crts, 'agent.crt')), load('agent'));
  renameSync(join(crts, 'agent.key'), join(crts, 'agent.pem'));
  assert.throws(() => loadTls(join(crts, 'agent.crt')), /cannot read TLS key .*keys.agent\.crt/);
  renameSync(join(crts, 'mex-ca.crt'), join(crts, 'ca.crt'));
  renameSync(join(crts, 'agent.pem'), join(crts, 'agent.key'));
  assert.throws(() => loadTls(join(crts, 'agent.crt')), /cannot read TLS CA certificate .*mex-ca\.crt/);
});

/** Status and text of a GET, with or without a certificate. */
function get(url: string, own?: TlsMaterial): Promise<string> {
  const certificate = own && { cert: own.cert, key: own.key };
  return new Promise((resolve, reject) => {
    const request = httpsGet(url, { ca: load('server').ca, agent: false, ...certificate }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => {
        text += part.toString();
      });
      response.on('end', () => resolve(`${response.statusCode} ${text.split('\n')[0]}`));
    });
    request.on('error', reject);
  });
}

test('metrics are for certificates of the CA, health is for everybody', async () => {
  const metrics = new Metrics();
  const { address, stop } = await serveMetrics({
    ...{ address: '127.0.0.1:0', metrics, health: () => undefined },
    ...{ tls: load('server'), logger: silentLogger },
  });
  assert.match(await get(`https://${address}/metrics`, load('agent')), /^200 # HELP/);
  const refused = '403 a client certificate of the CA is needed';
  assert.is(await get(`https://${address}/metrics`), refused);
  assert.is(await get(`https://${address}/metrics`, load('stranger')), refused);
  assert.is(await get(`https://${address}/healthz`), '200 ok');
  await stop();
});

test.run();
