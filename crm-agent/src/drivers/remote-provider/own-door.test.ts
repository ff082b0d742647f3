// test: timeout=300s serial
/** The conformance suite against the agent's own VirtRigaud API over TLS, with real machines that have nothing to boot. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestDoor, testDoorContext } from '../../southbound/testing.js';
import { VirtrigaudDoor } from '../../southbound/virtrigaud/index.js';
import { testApp, testDriverContext } from '../../testing.js';
import { type ConformanceSetup, driverConformance } from '../conformance.js';
import { processesOf } from '../local/testing.js';
import { TestingPorts } from '../remote/testing-ports.js';
import { TEST_TIMING } from '../remote/testing-timing.js';
import { RemoteProviderDriver } from './remote-provider-driver.js';
import { appRequest, clusterRequest } from './testing-driver.js';

const dir = mkdtempSync(join(tmpdir(), 'edgeplane-own-virt-'));
const imageDir = join(dir, 'images');
mkdirSync(imageDir);
execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(imageDir, 'guest.qcow2'), '8M']);
const ca = makeTestCa(dir, 'ca').cert;
const server = makeTestCertificate(dir, 'server', 'ca', 'DNS:provider.example');
const client = makeTestCertificate(dir, 'client', 'ca', 'DNS:agent');
const tokenFile = join(dir, 'token');
writeFileSync(tokenFile, 's3cr3t\n', { mode: 0o600 });

const context = testDoorContext({ imageDir });
const settings = {
  ...{ pvcDir: join(dir, 'pvc'), fileDirs: [], allowedHosts: [], consoleAddr: '', maxFetchBytes: 2 ** 30 },
};
const door = new VirtrigaudDoor(context, settings, { accelerator: 'tcg' });
const opened = await openTestDoor(door, context, {
  access: {
    ...{ cert: server.cert, key: server.key, clientCa: ca, tokenFile },
    ...{ allowedNames: ['agent'], tlsDir: '', insecure: false },
  },
});

const VM = testApp({ deployment: 'vm', imagePath: 'guest.qcow2' });
const tests = suite('own provider');
const ports = new TestingPorts();
let round = 0;
tests.before.each(() => {
  round += 1;
});
tests.after(async () => {
  await opened.stop('stop');
  context.remove();
  rmSync(dir, { recursive: true });
});
driverConformance(
  tests,
  (): ConformanceSetup => ({
    async open() {
      const access = { ca, cert: client.cert, key: client.key, tokenFile, serverName: 'provider.example' };
      const endpoint = { ...access, address: opened.addresses['virtrigaud'] ?? '', insecure: false };
      const rest = { network: '', bridge: '', nodeImage: '', capacity: undefined };
      const timing = {
        ...TEST_TIMING,
        pollMs: { base: 20, max: 100 },
        watchMs: 500,
        sweepMs: 500,
        upMs: 90_000,
      };
      const driver = new RemoteProviderDriver({ endpoint, ...rest }, timing);
      const stateDir = join(dir, `state-${round}`);
      const over = { stateDir, publicPorts: ports };
      await driver.init(testDriverContext(over), new AbortController().signal);
      return driver;
    },
    cluster: clusterRequest(1),
    app: appRequest(VM),
    changedApp: appRequest({ ...VM, deploymentManifest: '#cloud-config\nhostname: other\n' }),
    impossibleApp: { request: appRequest({ ...VM, imagePath: 'none' }), names: /refuses .*"none"/ },
    async check(app, expected) {
      const machines = (await processesOf(context.stateDir)).filter((line) => /^\S*qemu-system/.test(line));
      assert.is(machines.length, expected === 'gone' ? 0 : 1);
      const backends = ports.served.get(app.keyJson)?.map(({ backends: [first] }) => first);
      if (expected === 'gone') return assert.is(backends, undefined);
      assert.is(backends?.length, 2);
      for (const backend of backends ?? []) {
        assert.is(backend?.address, '127.0.0.1');
        assert.ok((backend?.port ?? 0) >= 30_000);
      }
    },
  }),
);
tests.run();
