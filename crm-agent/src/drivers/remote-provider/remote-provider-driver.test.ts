// test: timeout=300s
/** The conformance suite against providers in memory behind real TLS, each with other habits. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testApp, testAppInst, testClusterInst, testDriverContext, testFlavor } from '../../testing.js';
import { type ConformanceSetup, driverConformance } from '../conformance.js';
import type { AppInstRequest } from '../driver.js';
import { makeTestCerts } from '../remote/testing-certs.js';
import { TestingPorts } from '../remote/testing-ports.js';
import { TEST_TIMING } from '../remote/testing-timing.js';
import { RemoteProviderDriver } from './remote-provider-driver.js';
import { NO_SUCH_IMAGE, PLAIN, type Quirks, TestingProvider } from './testing-provider.js';

const dir = mkdtempSync(join(tmpdir(), 'edgeplane-provider-'));
const certs = makeTestCerts(dir);
const tokenFile = join(dir, 'token');
writeFileSync(tokenFile, 's3cr3t\n', { mode: 0o600 });

const PROVIDERS: Readonly<Record<string, Partial<Quirks>>> = {
  'a provider that does everything at once': { startsOnCreate: true },
  'a provider with tasks and forwarded ports': { taskPolls: 3, reach: 'forward', errorWithoutDone: true },
  'a provider that loses answers and makes duplicates': { losesEvery: 3, duplicates: true, taskPolls: 2 },
  'a provider that fails for unknown reasons and sees things missing': {
    ...{ unknownEvery: 7, glitchEvery: 4, missing: 'unknown-error' },
  },
};

const VM = testApp({ deployment: 'vm', imagePath: 'https://images.example/guest.qcow2' });
const flavor = testFlavor({ ram: 192n, vcpus: 1n, disk: 1n });

function appRequest(app = VM): AppInstRequest {
  const mappedPorts = [LProto.L_PROTO_TCP, LProto.L_PROTO_UDP].map((proto) => ({
    ...{ proto, internalPort: 8080, publicPort: 8081, pathPrefix: '', fqdnPrefix: '' },
  }));
  const appInst = testAppInst({ mappedPorts }, app);
  return { keyJson: OBJECTS.AppInst.keyJsonOf(appInst), app, appInst, clusterInst: undefined, flavor };
}

for (const [name, quirks] of Object.entries(PROVIDERS)) {
  const tests = suite(name);
  const provider = new TestingProvider({ ...PLAIN, ...quirks }, { tls: certs.server, token: 's3cr3t' });
  const ports = new TestingPorts();
  let round = 0;
  tests.before(() => provider.start());
  tests.after(() => provider.stop());
  tests.before.each(() => {
    round += 1;
  });
  const setup = (): ConformanceSetup => {
    const stateDir = join(dir, `state-${name}-${round}`);
    const clusterInst = testClusterInst({ numNodes: 1, numMasters: 0 });
    return {
      async open() {
        const { address, serverName } = { address: provider.address, serverName: certs.serverName };
        const { ca, cert, key } = certs;
        const driver = new RemoteProviderDriver(
          {
            endpoint: { address, ca, cert, key, serverName, tokenFile, insecure: false },
            ...{ network: 'default', bridge: '', nodeImage: 'node-template', capacity: undefined },
          },
          TEST_TIMING,
        );
        const context = testDriverContext({ stateDir, publicPorts: ports });
        await driver.init(context, new AbortController().signal);
        return driver;
      },
      cluster: { keyJson: OBJECTS.ClusterInst.keyJsonOf(clusterInst), clusterInst, flavor },
      app: appRequest(),
      changedApp: appRequest({ ...VM, deploymentManifest: '#cloud-config\nhostname: other\n' }),
      impossibleApp: { request: appRequest({ ...VM, imagePath: NO_SUCH_IMAGE }), names: /none\.qcow2: 404/ },
      async check(app, expected) {
        const machines = [...provider.machines.values()].filter(({ request }) => /-web-/.test(request.name));
        if (expected === 'gone') {
          assert.equal(
            machines.map(({ request }) => request.name),
            [],
          );
          assert.equal(ports.served.get(app.keyJson), undefined);
          return;
        }
        assert.is(machines.filter(({ on }) => on).length, 1);
        const other = app.app.deploymentManifest !== '';
        assert.is(machines[0]?.request.userData.toString().includes('other'), other);
        const served = ports.served.get(app.keyJson) ?? [];
        assert.equal(
          served.map(({ proto, port }) => `${proto} ${port}`),
          ['tcp 8081', 'udp 8081'],
        );
        const backend =
          provider.quirks.reach === 'address' ? /^10\.9\.0\.\d+:8080$/ : /^127\.0\.0\.1:3000\d$/;
        for (const { backends } of served)
          assert.match(`${backends[0]?.address}:${backends[0]?.port}`, backend);
      },
    };
  };
  driverConformance(tests, setup);
  tests.run();
}

const last = suite('afterwards');
last('nothing is left behind', () => rmSync(dir, { recursive: true }));
last.run();
