// test: timeout=180s
/** The conformance suite against the agent's own flintlock APIs over TLS, with pretended machines behind them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeplaneError } from '@edgeplane/base';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { FLINTLOCK_DEFAULTS, FlintlockDoor } from '../../southbound/flintlock/index.js';
import { FileMachines, FolderImages } from '../../southbound/flintlock/testing.js';
import { openTestDoor, testDoorContext } from '../../southbound/testing.js';
import { testDriverContext } from '../../testing.js';
import { type ConformanceSetup, driverConformance } from '../conformance.js';
import { TestingPorts } from '../remote/testing-ports.js';
import { TEST_TIMING } from '../remote/testing-timing.js';
import { DIALECTS } from './hosts-file.js';
import { RemoteMicrovmDriver } from './remote-microvm-driver.js';
import { NO_SUCH_IMAGE } from './testing-host.js';
import { APP, appRequest, clusterRequest } from './testing-hosts.js';

const dir = mkdtempSync(join(tmpdir(), 'edgeplane-own-flintlock-'));
const ca = makeTestCa(dir, 'ca').cert;
const server = makeTestCertificate(dir, 'server', 'ca');
const client = makeTestCertificate(dir, 'client', 'ca', 'DNS:agent');
const tokenFile = join(dir, 'token');
writeFileSync(tokenFile, 's3cr3t\n', { mode: 0o600 });

const context = testDoorContext();
const machines = new FileMachines(join(context.stateDir, 'pretended'));
const images = new FolderImages();
const unknown = { code: 'NO_IMAGE', status: 'NOT_FOUND', template: '', retryable: false } as const;
images.troubles.set(NO_SUCH_IMAGE, new EdgeplaneError(unknown, `image ${NO_SUCH_IMAGE}: manifest unknown`));
const readRoom = async () => ({ memoryMb: 200 * 1024, diskMb: 100_000 });
const settings = { ...FLINTLOCK_DEFAULTS, maxRetries: 2, backoff: { base: 2, max: 10 }, graceMs: 7 };
const door = new FlintlockDoor(context, settings, { machines, images, readRoom });
const opened = await openTestDoor(door, context, {
  listeners: DIALECTS.map((dialect) => ({ address: '127.0.0.1:0', dialect })),
  access: {
    ...{ cert: server.cert, key: server.key, clientCa: ca, tokenFile },
    ...{ allowedNames: ['agent'], tlsDir: '', insecure: false },
  },
});

for (const dialect of DIALECTS) {
  const tests = suite(`own hosts, dialect ${dialect}`);
  const ports = new TestingPorts();
  const hostsFile = join(dir, `${dialect}.yaml`);
  const address = opened.addresses[`flintlock ${dialect}`] ?? '';
  const network = { addresses: '10.7.0.10-10.7.0.20', gateway: '10.7.0.1', nameservers: ['10.7.0.1'] };
  const host = { address, dialect, ca, cert: client.cert, key: client.key, token_file: tokenFile, network };
  const kernel = { image: 'reg.local/k:1', filename: 'boot/vmlinux', cmdline: { quiet: '', panic: '1' } };
  const initrd = { image: 'reg.local/k:1', filename: 'boot/initrd' };
  writeFileSync(hostsFile, stringify({ kernel, initrd, hosts: [host] }));
  let round = 0;
  tests.before.each(() => {
    round += 1;
  });
  const setup = (): ConformanceSetup => ({
    async open() {
      const driver = new RemoteMicrovmDriver({ hostsFile, capacity: undefined }, TEST_TIMING);
      const stateDir = join(dir, `state-${dialect}-${round}`);
      await driver.init(testDriverContext({ stateDir, publicPorts: ports }));
      return driver;
    },
    cluster: clusterRequest(),
    app: appRequest(),
    changedApp: appRequest({ ...APP, command: 'other' }),
    impossibleApp: {
      request: appRequest({ ...APP, imagePath: NO_SUCH_IMAGE }),
      names: /none:1: manifest unknown/,
    },
    async check(app, expected) {
      const there = await machines.list();
      if (expected === 'gone') {
        assert.equal(there, []);
        return assert.is(ports.served.get(app.keyJson), undefined);
      }
      assert.equal(
        there.map(({ state }) => state),
        ['running'],
      );
      assert.is(
        there[0]?.spec?.cloudInit?.documents?.['user-data']?.includes('other'),
        app.app.command !== '',
      );
      assert.match(there[0]?.spec?.cloudInit?.documents?.['network-config'] ?? '', /10\.7\.0\.10\/24/);
      const [served] = ports.served.get(app.keyJson) ?? [];
      assert.equal(served?.backends, [{ address: '10.7.0.10', port: 8080 }]);
    },
  });
  driverConformance(tests, setup);
  tests.run();
}

const last = suite('afterwards');
last('everything is put away', async () => {
  await opened.stop('keep');
  context.remove();
  images.remove();
  rmSync(dir, { recursive: true });
});
last.run();
