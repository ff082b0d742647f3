import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OPEN_ACCESS } from './testing.js';
import { withDoor } from './testing-callers.js';

const dir = mkdtempSync(join(tmpdir(), 'http-'));
const ca = makeTestCa(dir, 'ca');
const server = makeTestCertificate(dir, 'server', 'ca');
const manager = makeTestCertificate(dir, 'manager', 'ca');
const TOKEN = 'tok-3f9d1c77';
const tokenFile = join(dir, 'token');
writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
test.after(() => rmSync(dir, { recursive: true }));

const mutual = { ...OPEN_ACCESS, insecure: false, ...server, clientCa: ca.cert };

test('the HTTP gateway asks the same', async () => {
  const access = { ...mutual, tokenFile };
  await withDoor('flintlock', { access, httpAddr: '127.0.0.1:0' }, async ({ addresses }) => {
    const address = addresses['flintlock http'] ?? '';
    const shown = { ...files(manager), authorization: `Bearer ${TOKEN}` };
    assert.equal(await get(address, shown), [200, 'inside']);
    const [status, text] = await get(address, files(manager));
    assert.is(status, 401);
    assert.equal(JSON.parse(text).code, 16);
    assert.equal((await get(address, { authorization: `Bearer ${TOKEN}` }))[0], 0);
  });
  await withDoor('flintlock', { access: OPEN_ACCESS, httpAddr: '127.0.0.1:0' }, async ({ addresses }) =>
    assert.equal(await get(addresses['flintlock http'] ?? '', undefined), [200, 'inside']),
  );
});

test('probes of a provider need no identity, and tell nothing else', async () => {
  await withDoor('virtrigaud', { access: mutual, healthAddr: '127.0.0.1:0' }, async ({ addresses }) => {
    const address = addresses['virtrigaud health'] ?? '';
    assert.equal(await get(address, undefined, '/healthz'), [200, 'ok']);
    assert.equal(await get(address, undefined, '/readyz'), [200, 'ready']);
    const [status, text] = await get(address, undefined, '/health?x');
    assert.is(status, 200);
    assert.is(JSON.parse(text).status, 'healthy');
    assert.is((await get(address, undefined, '/'))[0], 404);
  });
});

const files = ({ cert, key }: { cert: string; key: string }) => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
});

/** Status and text; 0 when the connection fails. Plain HTTP without `shown`. */
function get(
  address: string,
  shown: { cert?: Buffer; key?: Buffer; authorization?: string } | undefined,
  path = '/',
): Promise<[number, string]> {
  const { authorization, ...own } = shown ?? {};
  const headers = authorization === undefined ? {} : { authorization };
  const options = { headers, ...own, ca: readFileSync(ca.cert), agent: false as const };
  const send = shown ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const request = send(`${shown ? 'https' : 'http'}://${address}${path}`, options, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    request.on('error', () => resolve([0, '']));
    request.end();
  });
}

test.run();
