// test: timeout=240s serial
/** Registries that accept a connection, or begin to send, and then say nothing. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind } from '@edgeplane/base';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PodmanEngine } from './engine.js';
import { podmanErrors } from './errors.js';
import { podmanLayout } from './layout.js';
import { httpsGet, registryBytes } from './registry-size.js';
import { eventually, makeSite } from './testing.js';

const STALL_MS = 3000;
const LAYER = 1024 ** 2;
const dir = mkdtempSync(join(tmpdir(), 'edgeplane-pull-'));
const ca = makeTestCa(dir, 'ca');
const registry = makeTestCertificate(dir, 'registry', 'ca');
process.env['SSL_CERT_FILE'] = ca.cert;
const site = await makeSite('agent-pull');
const engine = await PodmanEngine.open({ ...site.options, stallMs: STALL_MS });

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const config = JSON.stringify({
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [] },
});
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(config),
    size: config.length,
  },
  layers: [
    {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: digestOf('whatever it is'),
      size: LAYER,
    },
  ],
});

/** Images below `mute/` are never answered for; those below `half/` come to the middle of their layer. */
const server: Server = createServer(
  { cert: readFileSync(registry.cert), key: readFileSync(registry.key) },
  (request, response) => {
    const { url = '' } = request;
    if (url.includes('/mute/')) return;
    if (url === '/v2/') response.end('{}');
    else if (url.includes('/manifests/'))
      response.setHeader('Content-Type', 'application/vnd.oci.image.manifest.v1+json').end(manifest);
    else if (url.endsWith(digestOf(config))) response.end(config);
    else response.writeHead(200, { 'content-length': LAYER }).write(Buffer.alloc(LAYER / 2));
  },
).listen(0, '127.0.0.1');
await once(server, 'listening');
const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

const test = suite('registries that stall');
test.after(async () => {
  server.closeAllConnections();
  server.close();
  await engine.stop();
  await site.clear();
  rmSync(dir, { recursive: true });
});

for (const image of ['mute/app', 'half/app'])
  test(`${image} is given up by its cause, and leaves nothing`, async () => {
    const error = await engine.ensureImage(`${host}/${image}:1`).catch((thrown: unknown) => thrown);
    assert.ok(isKind(error, podmanErrors.PODMAN_PULL_STALLED), String(error));
    assert.match((error as Error).message, `${image}:1": nothing came from its registry for 3 s`);
    const { scratchDir } = podmanLayout(site.options.stateDir);
    await eventually('podman lets go of it', async () => readdirSync(scratchDir).length === 0);
  });

test('how much is to come is known before', async () => {
  assert.is(await registryBytes(`${host}/half/app:1`, undefined, httpsGet), LAYER + config.length);
});

test.run();
