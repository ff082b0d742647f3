// test: timeout=120s
/** What FindCloudlet says beyond the reference, WatchCloudlet and ReportLatency, as a client sees them. */
import { ManualClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import {
  FindCloudletRequest,
  FindCloudletReply_FindStatus as FindStatus,
  LatencyReport,
  WatchCloudletUpdate_Reason as Reason,
  CandidateVerdict as Verdict,
  WatchCloudletRequest,
  type WatchCloudletUpdate,
} from '@edgeplane/proto/dme/app-client.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { callStream, callUnary } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS, appInst, CLOUDLETS } from './fixtures.js';
import { EMPTY_LOC } from './place.js';
import { TestWorld, until } from './testing.js';

const test = suite<{ world: TestWorld }>('beyond the reference');
test.before.each((t) => {
  t.world = new TestWorld();
});
test.after.each((t) => t.world.stop());

const [BUCKHORN, SUNNYDALE, BEACON] = CLOUDLETS as readonly [
  (typeof CLOUDLETS)[number],
  (typeof CLOUDLETS)[number],
  (typeof CLOUDLETS)[number],
];
const NEAR_BUCKHORN = { ...EMPTY_LOC, latitude: 50.65, longitude: 6.341 };

function find(sessionCookie: string, more: Partial<FindCloudletRequest> = {}): FindCloudletRequest {
  return FindCloudletRequest.create({
    sessionCookie,
    carrierName: 'GDDT',
    gpsLocation: NEAR_BUCKHORN,
    ...more,
  });
}

test('the best few with their distances, and why the others are not the one', async ({ world }) => {
  world.insts.put(
    appInst(APPS.untomt, { ...BEACON, name: 'New', uri: 'n' }, { state: TrackedState.CREATING }),
  );
  world.insts.put(
    appInst(APPS.untomt, { ...BUCKHORN, operator: 'gcp', name: 'g', uri: 'gcp', latitude: 50.65 }),
  );
  world.insts.put(appInst(APPS.untomt, { ...BUCKHORN, name: 'Lost', uri: 'lost', latitude: 95 }));
  const one = await world.start(['--offer', 'ready']);
  for (const cloudlet of CLOUDLETS)
    world.insts.put(appInst(APPS.untomt, cloudlet, { state: TrackedState.READY }));
  for (const inst of [...world.insts.values()])
    if (inst.uri === 'gcp' || inst.uri === 'lost') world.insts.put({ ...inst, state: TrackedState.UPDATING });
  const cookie = await one.cookie(APPS.untomt);
  const ask = (more: Partial<FindCloudletRequest>) =>
    callUnary(one.client, 'findCloudlet', find(cookie, more));
  let reply = await ask({ explain: true });
  await until('all is there', async () => {
    reply = await ask({ explain: true });
    return reply.candidates.length === 7;
  });
  assert.is(reply.fqdn, BUCKHORN.uri);
  assert.equal(
    reply.candidates.map(({ fqdn, verdict, reason }) => [fqdn, verdict, reason]),
    [
      ['10.1.10.1', Verdict.CANDIDATE_CHOSEN, 'the one to connect to'],
      [
        'gcp',
        Verdict.CANDIDATE_PUBLIC_CLOUD,
        'a public cloud must be more than 100 km nearer than 54.214 km, and is 0.828 km nearer',
      ],
      ['12.1.12.1', Verdict.CANDIDATE_FARTHER, '416.851 km farther than the chosen one'],
      ['11.1.11.1', Verdict.CANDIDATE_FARTHER, '484.861 km farther than the chosen one'],
      ['15.1.15.1', Verdict.CANDIDATE_LAST_RESORT, "the developer's own, for who gets no other"],
      ['n', Verdict.CANDIDATE_NOT_READY, 'its state is CREATING'],
      ['lost', Verdict.CANDIDATE_NOWHERE, 'latitude 95, longitude 7.0982 is no place on earth'],
    ],
  );
  assert.is(reply.candidates[0]?.distanceKm.toFixed(3), '54.214');
  assert.equal([reply.candidates[2]?.carrierName, reply.candidates[2]?.cloudletName], ['GDDT', 'Beacon']);
  assert.equal(
    (await ask({ maxCandidates: 2 })).candidates.map(({ fqdn }) => fqdn),
    ['10.1.10.1', 'gcp'],
  );
  assert.equal((await ask({})).candidates, []);
  const refused = await ask({ maxCandidates: 101 }).catch((error: Error) => error.message);
  assert.is(refused, 'max_candidates must be at most 100, but is 101');
  const rest = await one.http('/v1/findcloudlet', {
    session_cookie: cookie,
    carrier_name: 'GDDT',
    gps_location: { latitude: 50.65, longitude: 6.341 },
    max_candidates: 1,
  });
  assert.is(JSON.parse(rest.body).candidates[0].cloudlet_name, 'Buckhorn');
});

test('round trips that enough clients report refine the order for those who want that', async ({ world }) => {
  const one = await world.start();
  const cookie = await one.cookie(APPS.untomt);
  const ask = (more: Partial<FindCloudletRequest>) =>
    callUnary(one.client, 'findCloudlet', find(cookie, more));
  const report = (samples: LatencyReport['samples']) =>
    callUnary(
      one.client,
      'reportLatency',
      LatencyReport.create({ sessionCookie: cookie, gpsLocation: NEAR_BUCKHORN, samples }),
    );
  const sample = (cloudletName: string, roundTripMs: number) => ({
    carrierName: 'GDDT',
    cloudletName,
    roundTripMs,
  });
  assert.equal(await report([sample('Buckhorn', 40), sample('Sunnydale', 0.1), sample('Nowhere', 9)]), {
    accepted: 1,
    refused: [
      'GDDT Sunnydale: 0.1 ms is less than light takes for the distance, 3.60 ms',
      'GDDT Nowhere: there is no instance of the App',
    ],
  });
  assert.match(
    await report(Array.from({ length: 17 }, () => sample('Buckhorn', 1))).then(
      String,
      (e: Error) => e.message,
    ),
    'samples must be at most 16',
  );
  // One client alone says nothing, however often.
  await report([sample('Buckhorn', 90), sample('Beacon', 9)]);
  const reply = await ask({ useLatency: true, maxCandidates: 9 });
  assert.is(reply.fqdn, BUCKHORN.uri);
  assert.is(reply.candidates[0]?.latencyReports, 0);
});

interface Watching {
  readonly updates: WatchCloudletUpdate[];
  /** Why it ended. */
  readonly ended: Promise<string>;
  stop(): void;
}

function watch(
  one: Awaited<ReturnType<TestWorld['start']>>,
  request: Partial<WatchCloudletRequest>,
): Watching {
  const stopping = new AbortController();
  const updates: WatchCloudletUpdate[] = [];
  const run = async () => {
    const options = { signal: stopping.signal };
    const stream = callStream(one.client, 'watchCloudlet', WatchCloudletRequest.create(request), options);
    for await (const update of stream) updates.push(update);
    return 'ended';
  };
  return { updates, ended: run().catch((error: Error) => error.message), stop: () => stopping.abort() };
}

const heard = ({ updates }: Watching) => updates.map(({ reason, found }) => [reason, found?.fqdn]);

test('a client is told of a better instance, of another when its own goes, and of nothing else', async ({
  world,
}) => {
  const one = await world.start();
  const cookie = await one.cookie(APPS.untomt);
  const watching = watch(one, { find: find(cookie) });
  const other = watch(one, { find: find(await one.cookie(APPS.ever)), currentFqdn: BUCKHORN.uri });
  await until('told at first', () => watching.updates.length === 1);
  const better = appInst(APPS.untomt, {
    ...BUCKHORN,
    name: 'New',
    uri: 'new',
    latitude: 50.65,
    longitude: 6.4,
  });
  world.insts.put(better);
  await until('told of the better one', () => watching.updates.length === 2);
  world.insts.put(appInst(APPS.untomt, { ...BEACON, name: 'Far', uri: 'far' }));
  world.insts.put({ ...better, state: TrackedState.UPDATING });
  world.insts.put({ ...better, uri: 'renamed' });
  await until('told of its name', () => watching.updates.length === 3);
  for (const inst of [better, ...[BUCKHORN, SUNNYDALE].map((c) => appInst(APPS.untomt, c))])
    world.insts.deleteKeyJson(OBJECTS.AppInst.keyJsonOf(inst));
  await until('told of another', () => watching.updates.at(-1)?.found?.fqdn.startsWith('12') ?? false);
  for (const inst of [...world.insts.values()])
    if (inst.key?.appKey?.name === 'Untomt') world.insts.deleteKeyJson(OBJECTS.AppInst.keyJsonOf(inst));
  await until('told of none', () => watching.updates.at(-1)?.found?.status === FindStatus.FIND_NOTFOUND);
  const all = heard(watching);
  assert.equal(all.slice(0, 3), [
    [Reason.WATCH_FIRST, '10.1.10.1'],
    [Reason.WATCH_BETTER, 'new'],
    [Reason.WATCH_CHANGED, 'renamed'],
  ]);
  assert.ok(all.slice(3).every(([reason]) => reason === Reason.WATCH_REPLACED));
  assert.equal(other.updates, [], 'what it has is still the one');
  watching.stop();
  other.stop();
  await Promise.all([watching.ended, other.ended]);
});

test('a watch ends when its cookie expires, and when the match engine stops', async ({ world }) => {
  const clock = new ManualClock(1e12);
  const one = await world.start(['--cookie-expiration', '90s'], { clock });
  const watching = watch(one, { find: find(await one.cookie(APPS.untomt)) });
  await until('told at first', () => watching.updates.length === 1);
  clock.advance(60_000);
  await until('looked', async () => {
    clock.advance(1000);
    return (await Promise.race([watching.ended, 'not yet'])) !== 'not yet';
  });
  assert.is(await watching.ended, 'token is expired by 1s');
  assert.match(await watch(one, { find: find('x.y.z') }).ended, 'token');
  assert.is(await watch(one, {}).ended, 'VerifyCookie failed: missing cookie');
  assert.is(
    await watch(one, { find: find(await one.cookie(APPS.untomt), { carrierName: '' }) }).ended,
    'Missing carrierName',
  );
  const second = watch(one, { find: find(await one.cookie(APPS.untomt)) });
  await until('told at first', () => second.updates.length === 1);
  await one.stop();
  assert.is(await second.ended, 'this match engine is stopping');
});

test.run();
