import { OBJECTS } from '@edgeplane/objects';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NotifyClient } from './client.js';
import { controllerTables, make, newClient, startServer, table, until } from './testing.js';

type Tables = ReturnType<typeof controllerTables>;

/** What a step does to the controller's tables. */
interface Change {
  readonly do: 'put' | 'delete';
  readonly what: keyof Tables;
  readonly a: number;
  readonly x: number;
}
type Step = Change | { readonly do: 'connect' | 'disconnect' | 'restart' | 'sync' | 'yield' };

const CLOUDLETS = ['x', 'y'];
const name = (n: number) => `n${n}`;
const cloudlet = (n: number) => CLOUDLETS[n % CLOUDLETS.length] ?? 'x';

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('put' as const, 'delete' as const),
      what: fc.constantFrom<keyof Tables>('flavor', 'cloudlet', 'cluster', 'clusterInst', 'app', 'appInst'),
      a: fc.nat(3),
      x: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step>(
      { do: 'yield' },
      { do: 'connect' },
      { do: 'sync' },
      { do: 'disconnect' },
      { do: 'restart' },
    ),
  },
);

let revision = 0n;

function apply(t: Tables, s: Change): void {
  revision += 1n;
  const objects = {
    flavor: () => make.flavor(name(s.a), revision),
    cloudlet: () => make.cloudlet(cloudlet(s.x)),
    cluster: () => make.cluster(name(s.a)),
    clusterInst: () => make.clusterInst(cloudlet(s.x), name(s.a)),
    app: () => make.app(name(s.a)),
    appInst: () => make.appInst(name(s.a), cloudlet(s.x), String(revision)),
  };
  const target = t[s.what] as unknown as ReturnType<typeof table<'App'>>;
  const object = objects[s.what]() as ReturnType<typeof make.app>;
  if (s.do === 'put') target.put(object);
  else target.deleteKeyJson([...target.keys()][s.a % Math.max(1, target.size)] ?? '');
}

/** Tables as text, each object by its stored form. */
function text(
  tables: readonly ReturnType<typeof table<'App'>>[],
  keep: (keyJson: string) => boolean,
): string {
  return tables
    .map((t) =>
      [...t.entries()]
        .filter(([keyJson]) => keep(keyJson))
        .map(([, object]) => t.type.toStored(object))
        .sort()
        .join('\n'),
    )
    .join('\n--\n');
}

const list = (t: Tables) => Object.values(t) as unknown as ReturnType<typeof table<'App'>>[];

async function check(maxVersion: number, steps: readonly Step[]): Promise<void> {
  const truth = controllerTables();
  const all = controllerTables();
  const site = controllerTables();
  const infos = table('CloudletInfo');
  infos.put(make.cloudletInfo('x'));
  const receivers = [table('CloudletInfo')];
  let { server, address } = await startServer({ maxVersion, sources: list(truth), receivers });
  const connectAll = () => newClient(address, { maxVersion, receivers: list(all) });
  const connectSite = () =>
    newClient(address, { maxVersion, receivers: list(site), sources: [infos], filterCloudletKey: true });
  let clients: NotifyClient[] = [];
  const begin = () => {
    if (clients.length > 0) return;
    clients = [connectAll(), connectSite()];
    for (const client of clients) client.start();
  };
  const end = () => Promise.all(clients.splice(0).map((client) => client.stop()));
  begin();
  for (const s of steps) {
    if ('what' in s) apply(truth, s);
    else if (s.do === 'yield') await new Promise((resolve) => setImmediate(resolve));
    else if (s.do === 'sync') await Promise.all(clients.map((client) => client.when('synced')));
    else if (s.do === 'connect') begin();
    else if (s.do === 'disconnect') await end();
    else {
      await server.stop();
      await end();
      ({ server, address } = await startServer({ maxVersion, sources: list(truth), receivers }));
    }
  }
  begin();
  try {
    await Promise.all(clients.map((client) => client.when('synced')));
    const any = () => true;
    await until(() => text(list(all), any) === text(list(truth), any), 'everything is mirrored');
    const here = OBJECTS.Cloudlet.keyJsonOf(make.cloudlet('x'));
    const onSite = (keyJson: string) => keyJson.includes(here);
    const filtered = (t: Tables) =>
      [
        text(
          [list(t)[0], list(t)[2]].filter((one) => one !== undefined),
          any,
        ),
      ] + text([t.cloudlet, t.clusterInst, t.appInst] as never, onSite);
    await until(() => filtered(site) === filtered(truth), 'the site is mirrored');
    for (const t of [site.cloudlet, site.clusterInst, site.appInst])
      for (const keyJson of t.keys()) assert.ok(onSite(keyJson), keyJson);
  } finally {
    await end();
    await server.stop();
  }
}

for (const version of [1, 2]) {
  test(`version ${version}: whatever happens, tables end up equal, and a site holds exactly its own`, async () => {
    const steps = fc.array(step, { minLength: 10, maxLength: 60 });
    // A failing run waits until its time is up, so shrinking would take minutes; the seed is enough to replay it.
    await fc.assert(
      fc.asyncProperty(steps, (s) => check(version, s)),
      { numRuns: 20, endOnFailure: true },
    );
  });
}

test.run();
