import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { silentLogger } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAddress } from './address.js';
import { ReplaceableCredentials } from './replaceable-credentials.js';
import { RpcServer } from './server.js';
import { makeTestCa, makeTestCertificate, type TestCertificate } from './testing.js';

const dir = mkdtempSync(join(tmpdir(), 'credentials-'));
const ca = makeTestCa(dir, 'ca');
const first = makeTestCertificate(dir, 'first', 'ca');
const second = makeTestCertificate(dir, 'second', 'ca');
test.after(() => rmSync(dir, { recursive: true }));

const contents = ({ cert, key }: TestCertificate) => ({ cert: readFileSync(cert), key: readFileSync(key) });

/** The common name that the server shows, or the fault of the handshake. */
function shown(address: string, options: ConnectionOptions = {}): Promise<string> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve) => {
    const socket = tlsConnect({ host, port, ca: readFileSync(ca.cert), ALPNProtocols: ['h2'], ...options });
    socket.on('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

test('a certificate that is replaced is shown to connections from then on, by TLS 1.3 only', async () => {
  const credentials = new ReplaceableCredentials(contents(first));
  const server = new RpcServer({ logger: silentLogger, name: 'test', credentials });
  const address = await server.listen('127.0.0.1:0');
  assert.is(await shown(address), 'first');
  credentials.replace(contents(second));
  assert.is(await shown(address), 'second');
  assert.match(await shown(address, { maxVersion: 'TLSv1.2' }), /PROTOCOL_VERSION/);
  await server.stop();
});

test.run();
