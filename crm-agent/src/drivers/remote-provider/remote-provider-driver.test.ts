// test: timeout=300s
/** The conformance suite against providers in memory behind real TLS, each with other habits. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConformanceSetup, driverConformance } from '../conformance.js';
import { appRequest, clusterRequest, TestingSite, VM } from './testing-driver.js';
import { NO_SUCH_IMAGE, type Quirks } from './testing-provider.js';

const PROVIDERS: Readonly<Record<string, Partial<Quirks>>> = {
  'a provider that does everything at once': { startsOnCreate: true },
  'a provider with tasks and forwarded ports that loses answers and makes duplicates': {
    ...{ taskPolls: 3, reach: 'forward', errorWithoutDone: true, losesEvery: 3, duplicates: true },
  },
  'a provider that fails for unknown reasons and sees things missing': {
    ...{ unknownEvery: 7, glitchEvery: 4, missing: 'unknown-error' },
  },
};

for (const [name, quirks] of Object.entries(PROVIDERS)) {
  const tests = suite(name);
  const site = new TestingSite(quirks);
  const { provider, ports } = site;
  tests.before(() => provider.start());
  tests.after(() => site.stop());
  tests.before.each(() => site.newState());
  const setup = (): ConformanceSetup => ({
    open: () => site.open(),
    cluster: clusterRequest(1),
    app: appRequest(),
    changedApp: appRequest({ ...VM, deploymentManifest: '#cloud-config\nhostname: other\n' }),
    // What one that fails for no reason said last is all that is known.
    impossibleApp: {
      request: appRequest({ ...VM, imagePath: NO_SUCH_IMAGE }),
      names: provider.quirks.unknownEvery > 0 ? /none\.qcow2: 404|exit status 1/ : /none\.qcow2: 404/,
    },
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
      const backend = provider.quirks.reach === 'address' ? /^10\.9\.0\.\d+:8080$/ : /^127\.0\.0\.1:3000\d$/;
      for (const { backends } of served)
        assert.match(`${backends[0]?.address}:${backends[0]?.port}`, backend);
    },
  });
  driverConformance(tests, setup);
  tests.run();
}
