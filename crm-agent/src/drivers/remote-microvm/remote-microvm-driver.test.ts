// test: timeout=300s
/** The conformance suite against flintlock hosts in memory behind real TLS, of both dialects and with other habits. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConformanceSetup, driverConformance } from '../conformance.js';
import { type HostQuirks, NO_SUCH_IMAGE } from './testing-host.js';
import { APP, appRequest, clusterRequest, TestingHosts } from './testing-hosts.js';

const SITES: Readonly<Record<string, readonly Partial<HostQuirks>[]>> = {
  'hosts of 2021': [
    { dialect: '2021', looks: 2 },
    { dialect: '2021', missing: 'code' },
  ],
  'hosts that lose answers': [
    { losesEvery: 2, looks: 2 },
    { losesEvery: 3, dialect: '2021' },
  ],
  'hosts that fail for unknown reasons': [
    { unknownEvery: 5, missing: 'code' },
    { unknownEvery: 7, looks: 1 },
  ],
};

for (const [name, quirks] of Object.entries(SITES)) {
  const tests = suite(name);
  const site = new TestingHosts(quirks);
  tests.before(() => site.start());
  tests.after(() => site.stop());
  tests.before.each(() => site.newState());
  const setup = (): ConformanceSetup => ({
    open: () => site.open(),
    cluster: clusterRequest(),
    app: appRequest(),
    changedApp: appRequest({ ...APP, command: 'other' }),
    impossibleApp: {
      request: appRequest({ ...APP, imagePath: NO_SUCH_IMAGE }),
      names: /none:1: manifest unknown/,
    },
    async check(app, expected) {
      const served = site.ports.served.get(app.keyJson);
      // Duplicates are removed by whoever looks for leftovers, now and again.
      const left = expected === 'gone' ? 0 : 1;
      const deadline = performance.now() + 20_000;
      while (site.all().length !== left && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 2));
      const [microvm] = site.all();
      assert.is(site.all().length, left);
      if (expected === 'gone') return assert.is(served, undefined);
      assert.is(microvm?.state, 1);
      const userData = Buffer.from(microvm?.metadata['user-data'] ?? '', 'base64').toString();
      assert.is(userData.includes('other'), app.app.command !== '');
      assert.equal(
        served?.map(({ port, backends }) => [port, backends]),
        [[8081, [{ address: microvm?.address.replace('/24', ''), port: 8080 }]]],
      );
    },
  });
  driverConformance(tests, setup);
  tests.run();
}
