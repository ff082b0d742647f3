// test: timeout=180s
/**
 * A controller, agents and two match engines, all with TLS and keys from the controller, while instances come and go and 50
 * clients ask; one match engine is killed meanwhile. No answer is wrong, older than a second, or missing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EdgeplaneError, seededRandom, sleep, systemClock } from '@edgeplane/base';
import type { Place } from '@edgeplane/dme';
import { OBJECTS } from '@edgeplane/objects';
import { FindCloudletRequest, MatchEngineApiClient } from '@edgeplane/proto/dme/app-client.js';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { callStream, callUnary, connect, loadTls, type TlsMaterial } from '@edgeplane/rpc';
import {
  cloudletKeyArg,
  eventually,
  freePort,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startController,
  startProgram,
  tempDir,
} from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { History, type Told } from './dme-world.js';

const SITES: Readonly<Record<string, Place>> = {
  'site-a': { latitude: 48, longitude: 11 },
  'site-b': { latitude: 52, longitude: 13 },
  'site-c': { latitude: 50, longitude: 8 },
};
const CLIENTS = 50;
const RUN_MS = 15_000;
/** What an answer may be behind, beside what this machine takes to get to its work. */
const STALE_MS = 1000;

const SETUP = `
flavors:
  - { key: { name: x1.small }, ram: 1, vcpus: 1, disk: 1 }
cloudlets:
${Object.entries(SITES)
  .map(
    ([name, { latitude, longitude }]) =>
      `  - { key: { operator_key: { name: op }, name: ${name} }, location: { latitude: ${latitude}, longitude: ${longitude} }, num_dynamic_ips: 3 }`,
  )
  .join('\n')}
apps:
  - key: { developer_key: { name: dev }, name: web, version: "1.0" }
    image_type: ImageTypeDocker
    access_ports: tcp:80
    default_flavor: { name: x1.small }
clusterinsts:
${Object.keys(SITES)
  .map(
    (name) =>
      `  - { key: { cluster_key: { name: c }, cloudlet_key: { operator_key: { name: op }, name: ${name} }, developer: dev }, flavor: { name: x1.small }, num_masters: 1, num_nodes: 1 }`,
  )
  .join('\n')}
`;

interface Context {
  dir: string;
  remove: () => void;
  tls: TlsMaterial;
  controller: Running | undefined;
  /** What runs, in the order of its start. */
  others: Running[];
  dmes: Engine[];
}

/** A match engine that can be killed and started again at its address. */
interface Engine {
  running: Running;
  readonly address: string;
  start(): Promise<Running>;
}

const tests = suite<Context>('match engines');

async function makeCert(dir: string, ...args: string[]): Promise<string> {
  const { code, stderr } = await runCommand(join(ROOT, 'deploy/make-certs.sh'), [dir, ...args], { cwd: dir });
  assert.is(code, 0, stderr);
  return join(dir, `${args[0]}.crt`);
}

async function engine({ dir, controller }: Context, name: string): Promise<Engine> {
  const home = join(dir, name);
  mkdirSync(home);
  const tls = await makeCert(dir, name, 'platform', 'IP:127.0.0.1', `1/dme/${name}`);
  const address = `127.0.0.1:${await freePort()}`;
  const start = () =>
    startProgram(
      'dme',
      [
        ...[
          '--notifyAddrs',
          controller?.addresses['notify'] ?? '',
          '--apiAddr',
          address,
          '--httpAddr',
          '127.0.0.1:0',
        ],
        ...['--cloudletKey', cloudletKeyArg('op', 'site-a'), '--scaleID', name, '--tls', tls],
        ...['--cookie-keys', 'controller', '--cookie-key-file', join(home, 'keys.json')],
      ],
      home,
      name,
    );
  return { running: await start(), address, start };
}

tests.before(async (context) => {
  // What is there when something does not start is stopped all the same.
  [context.others, context.dmes] = [[], []];
  const temp = tempDir('dme');
  context.dir = temp.path;
  context.remove = temp.remove;
  const { dir } = context;
  const tls = await makeCert(dir, 'controller', 'platform', 'IP:127.0.0.1');
  context.tls = loadTls(await makeCert(dir, 'user'));
  const flags = ['--tls', tls, '--cookie-key-rotation', '48h'];
  context.controller = await startController(dir, `lmdb:${join(dir, 'store')}`, flags);
  const notify = context.controller?.addresses['notify'] ?? '';
  const certificates: (readonly [string, string])[] = [];
  // One after another: the authority counts what it signs.
  for (const name of Object.keys(SITES))
    certificates.push([name, await makeCert(dir, name, 'op', `DNS:${name}`, `1/crm/op/${name}`)]);
  await Promise.all(
    certificates.map(async ([name, own]) => {
      const flags = ['--platform', 'fakecloudlet', '--tls', own];
      context.others.push(await startAgent(dir, notify, { operator: 'op', name }, flags));
    }),
  );
  for (const name of ['dme-1', 'dme-2']) context.dmes.push(await engine(context, name));
  await create(context);
});

tests.after(async ({ dmes, others, controller, remove }) => {
  await Promise.all([...dmes.map(({ running }) => running.stop()), ...others.map((other) => other.stop())]);
  await controller?.stop();
  remove();
});

async function create({ dir, controller }: Context): Promise<void> {
  const file = join(dir, 'setup.yaml');
  writeFileSync(file, SETUP);
  const tls = ['--addr', controller?.addresses['api'] ?? '', '--tls', join(dir, 'user.crt'), 'controller'];
  const edgectl = (...args: string[]) =>
    runCommand(join(ROOT, 'bin/edgectl'), [...tls, ...args], { cwd: dir });
  await eventually('all sites are ready', async () => {
    const shown = await edgectl('ShowCloudletInfo');
    return shown.stdout.match(/CloudletStateReady/g)?.length === Object.keys(SITES).length;
  });
  const made = await edgectl('create', '-f', file);
  assert.is(made.code, 0, made.stderr);
}

const fqdnOf = (site: string) => `${site}.op.edge.internal`;

/** Creates and deletes instances, and writes down when. */
async function change(context: Context, history: History, until: () => boolean): Promise<number> {
  const client = connect(AppInstApiClient, context.controller?.addresses['api'] ?? '', context.tls);
  const random = seededRandom(7);
  const there = new Set<string>();
  let changes = 0;
  const run = async (method: 'createAppInst' | 'deleteAppInst', site: string) => {
    const inst = OBJECTS.AppInst.withKey({
      appKey: { developerKey: { name: 'dev' }, name: 'web', version: '1.0' },
      clusterInstKey: {
        clusterKey: { name: 'c' },
        cloudletKey: { operatorKey: { name: 'op' }, name: site },
        developer: 'dev',
      },
    });
    for await (const _ of callStream(client, method, inst));
  };
  while (!until()) {
    const sites = Object.keys(SITES);
    const site = sites[Math.floor(random.next() * sites.length)] ?? '';
    const fqdn = fqdnOf(site);
    if (there.has(site)) {
      history.going(fqdn, systemClock.monotonic());
      await run('deleteAppInst', site);
      history.gone(fqdn, systemClock.monotonic());
      there.delete(site);
    } else {
      history.coming(fqdn, systemClock.monotonic());
      await run('createAppInst', site);
      history.there(fqdn, systemClock.monotonic());
      there.add(site);
    }
    changes += 1;
    await sleep(systemClock, random.next() * 300);
  }
  client.close();
  return changes;
}

/** Asks one match engine and then the other, whichever answers. */
async function client(context: Context, seed: number, until: () => boolean): Promise<Told[]> {
  const random = seededRandom(seed);
  const place = { latitude: 46 + random.next() * 8, longitude: 6 + random.next() * 10 };
  const clients = context.dmes.map(({ address }) => connect(MatchEngineApiClient, address, context.tls));
  const told: Told[] = [];
  const register = { ver: 0, devName: 'dev', appName: 'web', appVers: '1.0', carrierName: '', authToken: '' };
  const either = async <T>(turn: number, call: (one: MatchEngineApiClient) => Promise<T>): Promise<T> => {
    const [first, second] = turn % 2 === 0 ? clients : [...clients].reverse();
    if (!first || !second) throw new Error('there are two match engines');
    return call(first).catch((error: EdgeplaneError) => {
      // Nothing else is to be expected of one that was killed.
      assert.ok(['UNAVAILABLE', 'CANCELLED'].includes(error.status), `${error.status} ${error.message}`);
      return call(second);
    });
  };
  const { sessionCookie } = await either(seed, (one) => callUnary(one, 'registerClient', register));
  const gpsLocation = { ...Loc.decode(new Uint8Array()), ...place };
  const empty = FindCloudletRequest.decode(new Uint8Array());
  const request = { ...empty, sessionCookie, carrierName: 'op', gpsLocation };
  for (let turn = 0; !until(); turn++) {
    const asked = systemClock.monotonic();
    const { fqdn } = await either(turn, (one) => callUnary(one, 'findCloudlet', request));
    told.push({ asked, answered: systemClock.monotonic(), place, fqdn: fqdn === '' ? undefined : fqdn });
    await sleep(systemClock, 30 + random.next() * 60);
  }
  for (const each of clients) each.close();
  return told;
}

/** The longest time that this process did not get to its work, milliseconds, from now until then. */
async function longestLag(until: () => boolean): Promise<number> {
  let longest = 0;
  while (!until()) {
    const began = systemClock.monotonic();
    await sleep(systemClock, 20);
    longest = Math.max(longest, systemClock.monotonic() - began - 20);
  }
  return longest;
}

tests('a history finds what is wrong, late or missing', () => {
  const history = new History(new Map(Object.entries(SITES)));
  history.coming('site-a', 1000);
  history.there('site-a', 1200);
  history.going('site-a', 5000);
  history.gone('site-a', 5100);
  const place = { latitude: 48, longitude: 11 };
  const fault = (asked: number, fqdn: string | undefined) =>
    history.fault({ asked, answered: asked + 10, place, fqdn }, 500);
  assert.equal(
    [fault(1100, undefined), fault(1100, 'site-a'), fault(1600, undefined)],
    [undefined, undefined, undefined],
  );
  assert.is(fault(1800, undefined), 'site-a is nearer than none');
  assert.is(fault(1800, 'site-a'), undefined);
  assert.is(fault(5500, 'site-a'), undefined);
  assert.is(fault(5700, 'site-a'), 'site-a was not there');
  assert.is(fault(900, 'site-a'), 'site-a was not there');
  assert.is(fault(2000, 'site-b'), 'site-b was not there');
});

tests('REST is HTTPS and wants no certificate; gRPC does', async ({ dir, dmes }) => {
  const { http, api } = dmes[0]?.running.addresses ?? {};
  const post = (path: string, body: object) =>
    runCommand('curl', [
      '-s',
      '--cacert',
      join(dir, 'mex-ca.crt'),
      `https://${http}${path}`,
      '-d',
      JSON.stringify(body),
    ]);
  const registered = await post('/v1/registerclient', { dev_name: 'dev', app_name: 'web', app_vers: '1.0' });
  const { session_cookie } = JSON.parse(registered.stdout) as { session_cookie: string };
  const request = { session_cookie, carrier_name: 'op', gps_location: { latitude: 1, longitude: 1 } };
  assert.match((await post('/v1/findcloudlet', request)).stdout, '"status": "FIND_NOTFOUND"');
  const stranger = connect(MatchEngineApiClient, api ?? '');
  const refused = callUnary(stranger, 'getFqdnList', { ver: 0, sessionCookie: session_cookie });
  assert.is(await refused.catch((error: EdgeplaneError) => error.status), 'UNAVAILABLE');
  stranger.close();
});

tests('instances come and go while 50 clients ask and a match engine is killed', async (context) => {
  const history = new History(new Map(Object.entries(SITES).map(([site, place]) => [fqdnOf(site), place])));
  const end = systemClock.monotonic() + RUN_MS;
  const until = () => systemClock.monotonic() > end;
  const kill = async () => {
    const [first] = context.dmes;
    await sleep(systemClock, RUN_MS / 3);
    process.kill(first?.running.pid ?? 0, 'SIGKILL');
    await sleep(systemClock, RUN_MS / 10);
    if (first) first.running = await first.start();
  };
  const asking = Array.from({ length: CLIENTS }, (_, i) => client(context, i + 1, until));
  const [changes, lag, , ...told] = await Promise.all([
    change(context, history, until),
    longestLag(until),
    kill(),
    ...asking,
  ]);
  const all = told.flat();
  const faults = all.flatMap((each) => history.fault(each, STALE_MS + 2 * lag) ?? []);
  assert.equal(faults.slice(0, 5), [], `${faults.length} of ${all.length} answers`);
  assert.ok(changes >= 10, `${changes} changes`);
  assert.ok(all.length > 20 * CLIENTS, `${all.length} answers`);
  const found = new Set(all.map(({ fqdn }) => fqdn));
  for (const site of Object.keys(SITES)) assert.ok(found.has(fqdnOf(site)), `${site} was never told`);
});

tests.run();
