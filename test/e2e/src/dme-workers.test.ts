// test: timeout=180s
/** A match engine of several processes: to controllers it is one, and to clients one of which a part may die. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { silentLogger } from '@edgeplane/base';
import { NotifyServer, ObjectTable } from '@edgeplane/notify';
import { OBJECTS, type ObjectOf } from '@edgeplane/objects';
import {
  FindCloudletRequest,
  MatchEngineApiClient,
  RegisterClientRequest,
} from '@edgeplane/proto/dme/app-client.js';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { eventually, type Running, startDme, tempDir } from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const APP = { developerKey: { name: 'dev' }, name: 'app', version: '1' };
const CLIENTS = 8;

function instance(n: number, uri: string): ObjectOf<'AppInst'> {
  const cloudletKey = { operatorKey: { name: 'op' }, name: `site-${n}` };
  const clusterInstKey = { clusterKey: { name: 'c' }, cloudletKey, developer: 'dev' };
  const inst = OBJECTS.AppInst.withKey({ appKey: APP, clusterInstKey });
  return { ...inst, uri, cloudletLoc: Loc.create({ latitude: 10 + n, longitude: 10 }) };
}

class World {
  readonly dir = tempDir('workers');
  readonly apps = new ObjectTable(OBJECTS.App);
  readonly insts = new ObjectTable(OBJECTS.AppInst);
  readonly nodes = new ObjectTable(OBJECTS.Node);
  readonly metrics: Metric[] = [];
  readonly #controller = new NotifyServer({
    sources: [this.apps, this.insts],
    receivers: [this.nodes],
    messageReceivers: [
      { typeName: 'Metric', onMessage: (metric) => void this.metrics.push(metric as Metric) },
    ],
    logger: silentLogger,
  });
  readonly clients: MatchEngineApiClient[] = [];
  dme: Running | undefined;
  cookie = '';

  async start(flags: readonly string[]): Promise<void> {
    this.apps.put(OBJECTS.App.withKey(APP));
    for (const n of [1, 2, 3]) this.insts.put(instance(n, `uri-${n}`));
    const notify = await this.#controller.listen('127.0.0.1:0');
    const more = ['--scaleID', 'the-one', '--workers', '2', '--metrics-addr', '127.0.0.1:0', ...flags];
    this.dme = await startDme(this.dir.path, notify, more);
    for (let i = 0; i < CLIENTS; i++)
      this.clients.push(connect(MatchEngineApiClient, this.dme.addresses['api'] ?? ''));
    const register = RegisterClientRequest.create({ devName: 'dev', appName: 'app', appVers: '1' });
    const [client] = this.clients;
    if (client) this.cookie = (await callUnary(client, 'registerClient', register)).sessionCookie;
  }

  async find(client: MatchEngineApiClient): Promise<string> {
    const gpsLocation = Loc.create({ latitude: 10, longitude: 10 });
    const asked = { sessionCookie: this.cookie, carrierName: 'op', gpsLocation };
    return (await callUnary(client, 'findCloudlet', FindCloudletRequest.create(asked))).fqdn;
  }

  /** What all clients are told, each at its worker. */
  findAll(): Promise<string[]> {
    return Promise.all(this.clients.map((client) => this.find(client)));
  }

  workers(): number[] {
    const pid = this.dme?.pid;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).map(Number);
  }

  /** What its controller was told last of calls of FindCloudlet. */
  counted(): number {
    const calls = this.metrics.filter(({ tags }) => tags.some(({ val }) => val === 'FindCloudlet'));
    const value = calls.at(-1)?.vals[0]?.value;
    return value?.$case === 'ival' ? Number(value.value) : 0;
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.dme?.stop();
    await this.#controller.stop();
    this.dir.remove();
  }
}

function get(address: string, path: string): Promise<string> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const test = suite<{ world: World }>('workers');
test.before.each((t) => {
  t.world = new World();
});
test.after.each((t) => t.world.stop());

test('to its controller and to Prometheus it is one match engine, and all workers know the same', async ({
  world,
}) => {
  await world.start(['--statsInterval', '1']);
  assert.is(world.workers().length, 2);
  assert.equal(
    [...world.nodes.values()].map(({ key }) => key?.name),
    ['the-one'],
  );
  assert.equal(new Set(await world.findAll()), new Set(['uri-1']));
  world.insts.deleteKeyJson(OBJECTS.AppInst.keyJsonOf(instance(1, '')));
  await eventually(
    'all are told of the next',
    async () => new Set(await world.findAll()).size === 1 && (await world.findAll())[0] === 'uri-2',
  );
  const settled = world.counted();
  for (let i = 0; i < 5; i++) await world.findAll();
  await eventually('calls of all workers are added up', () =>
    Promise.resolve(world.counted() >= settled + 5 * CLIENTS),
  );
  const ids = world.metrics.map(({ tags }) => tags.find(({ name }) => name === 'id')?.val);
  assert.equal(new Set(ids), new Set(['the-one']));
  let text = '';
  // Workers tell what they count each in its own time; Prometheus asks all at once.
  await eventually('both are told the same', async () => {
    text = await get(world.dme?.addresses['metrics'] ?? '', '/metrics');
    const line = /^edgeplane_dme_request_seconds_count\{method="FindCloudlet"\} (\d+)$/m.exec(text);
    return Number(line?.[1]) === world.counted();
  });
  assert.match(text, /^edgeplane_objects\{type="AppInst"\} 2$/m);
});

test('the death of a worker costs only its own connections, and another one takes its place', async ({
  world,
}) => {
  await world.start([]);
  await world.findAll();
  const before = world.workers();
  const failures = world.clients.map(() => 0);
  let asking = true;
  let rounds = 0;
  const clients = world.clients.map(async (client, i) => {
    while (asking) {
      try {
        assert.is(await world.find(client), 'uri-1');
      } catch {
        failures[i] = (failures[i] ?? 0) + 1;
      }
      rounds += 1;
    }
  });
  const [victim = 0] = before;
  process.kill(victim, 'SIGKILL');
  await eventually('there is another', async () => {
    const now = world.workers();
    return now.length === 2 && !now.includes(victim);
  });
  const seen = rounds;
  await eventually('clients go on', async () => rounds > seen + 20 * CLIENTS);
  asking = false;
  await Promise.all(clients);
  assert.ok(failures.filter((count) => count === 0).length >= 2, `failures: ${failures}`);
  assert.ok(
    failures.every((count) => count <= 3),
    `failures: ${failures}`,
  );
  assert.equal(new Set(await world.findAll()), new Set(['uri-1']));
  // The new one learns what changes, too.
  world.insts.put(instance(1, 'renamed'));
  await eventually('all know', async () => (await world.findAll()).every((uri) => uri === 'renamed'));
  const left = world.workers();
  const ended = await world.dme?.stop();
  assert.is(ended?.code, 0);
  for (const pid of left) assert.throws(() => process.kill(pid, 0), 'ESRCH');
});

test('REST callers are known by their address, whichever worker answers', async ({ world }) => {
  await world.start(['--httpAddr', '[::1]:0']);
  const url = `http://${world.dme?.addresses['http']}/v1/registerclient`;
  const names = new Set<unknown>();
  for (let i = 0; i < 10; i++) {
    const body = JSON.stringify({ dev_name: 'dev', app_name: 'app', app_vers: '1' });
    const answer = await fetch(url, { method: 'POST', body, headers: { connection: 'close' } });
    const { session_cookie } = (await answer.json()) as { session_cookie: string };
    const claims = Buffer.from(session_cookie.split('.')[1] ?? '', 'base64url').toString();
    names.add((JSON.parse(claims) as { key: { peerip?: string } }).key.peerip);
  }
  assert.equal(names, new Set(['::1']));
});

test('a port that is taken is told; workers do not outlive a primary that is killed', async ({ world }) => {
  await world.start([]);
  const taken = world.dme?.addresses['api'] ?? '';
  const failed = await startDme(world.dir.path, '127.0.0.1:1', ['--workers', '2', '--apiAddr', taken]).then(
    () => 'started',
    (error: Error) => error.message,
  );
  assert.match(failed, 'the address is in use');
  const workers = world.workers();
  world.dme?.kill('SIGKILL');
  await eventually('all are gone', async () =>
    workers.every((pid) => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    }),
  );
});

test.run();
