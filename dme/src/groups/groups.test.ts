/** Groups of clients (match engine spec sections 4.7 and 4.8, and what goes beyond them). */
import { type EdgeplaneError, ManualClock, silentLogger, systemClock, systemRandom } from '@edgeplane/base';
import { MemoryHub } from '@edgeplane/bus';
import {
  DlgMessage_DlgAck as Ack,
  type DlgDelivery,
  DlgMessage,
  DynamicLocGroupApiClient,
} from '@edgeplane/proto/dme/dynamic-loc-group.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS } from '../fixtures.js';
import { type TestDme, TestWorld, until } from '../testing.js';
import { BusLink } from './bus-link.js';
import { LocalLink } from './group-link.js';
import { Groups } from './groups.js';

interface Context {
  world: TestWorld;
  dme: TestDme;
  client: DynamicLocGroupApiClient;
}

const api = suite<Context>('group API');

api.before(async (context) => {
  context.world = new TestWorld();
  context.dme = await context.world.start(['--dlgAddr', '127.0.0.1:0']);
  context.client = connect(DynamicLocGroupApiClient, context.dme.dme.addresses['dlg'] ?? '');
});
api.after(async ({ client, world }) => {
  client.close();
  await world.stop();
});

async function join({ dme }: Context, key = APPS.untomt, userData = '', lgId = 7n): Promise<string> {
  const sessionCookie = await dme.cookie(key);
  const request = { ver: 0, sessionCookie, lgId, commType: 2, userData } as const;
  const reply = await callUnary(dme.client, 'addUserToGroup', request);
  assert.equal([reply.status, reply.errorCode], [1, 0]);
  return reply.groupCookie;
}

function send({ client }: Context, groupCookie: string, message: string, more: Partial<DlgMessage> = {}) {
  const empty = DlgMessage.decode(new Uint8Array());
  return callUnary(client, 'sendToGroup', { ...empty, lgId: 7n, groupCookie, message, ...more });
}

/** Receives until `end`; resolves once joined. */
async function listen({ client }: Context, groupCookie: string) {
  const got: DlgDelivery[] = [];
  const abort = new AbortController();
  const ended = (async () => {
    const request = { lgId: 7n, groupCookie };
    for await (const delivery of callStream(client, 'receiveFromGroup', request, { signal: abort.signal }))
      got.push(delivery);
  })().then(
    () => 'ended',
    (error: EdgeplaneError) => `${error.status} ${error.message}`,
  );
  await until('joined', () => got.length > 0);
  return { got, texts: () => got.slice(1).map(({ message }) => message), end: () => abort.abort(), ended };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'accepted',
    (error: EdgeplaneError) => `${error.status} ${error.message}`,
  );
}

api('members hear each other, in order, and not themselves; other Apps hear nothing', async (context) => {
  const [a, b, stranger] = [
    await join(context, APPS.untomt, 'anna'),
    await join(context),
    await join(context, APPS.ever),
  ];
  const listeners = [await listen(context, a), await listen(context, b), await listen(context, stranger)];
  const texts = Array.from({ length: 100 }, (_, i) => `m${i}`);
  await Promise.all(texts.map((text, i) => send(context, a, text, { messageId: BigInt(i + 1) })));
  await send(context, b, 'reply');
  const [atA, atB, elsewhere] = listeners;
  await until('all came', () => atB?.got.length === 101 && atA?.got.length === 2);
  assert.equal(atB?.texts(), texts);
  assert.equal(atA?.texts(), ['reply']);
  assert.equal([atB?.got[1]?.userData, atB?.got[1]?.messageId], ['anna', 1n]);
  assert.is(atB?.got[1]?.member, atA?.got[0]?.member);
  assert.is(elsewhere?.got.length, 1);
  for (const listener of listeners) listener.end();
  assert.match(await (atA?.ended ?? ''), /^CANCELLED/);
});

api('a message that is sent again is delivered once; acks are of three kinds', async (context) => {
  const [a, b] = [await join(context), await join(context)];
  const listener = await listen(context, b);
  const ack = async (messageId: bigint, ackType: Ack) =>
    (await send(context, a, `x${messageId}`, { messageId, ackType })).ackId;
  assert.is(await ack(5n, Ack.DLG_ACK_EACH_MESSAGE), 5n);
  assert.is(await ack(5n, Ack.DLG_ACK_EACH_MESSAGE), 5n);
  assert.is(await ack(39n, Ack.DLG_ASY_EVERY_N_MESSAGE), 32n);
  assert.is(await ack(40n, Ack.DLG_NO_ACK), 0n);
  await until('three came', () => listener.got.length === 4);
  assert.equal(listener.texts(), ['x5', 'x39', 'x40']);
  listener.end();
});

api('a client without a cookie is answered as ever, and heard by nobody', async (context) => {
  const listener = await listen(context, await join(context));
  assert.is((await send(context, '', 'old', { messageId: 12n })).ackId, 12n);
  await send(context, await join(context), 'new');
  await until('one came', () => listener.got.length === 2);
  assert.equal(listener.texts(), ['new']);
  listener.end();
});

api('a cookie is of one group, and no session', async (context) => {
  const cookie = await join(context);
  const wrong = 'PERMISSION_DENIED group_cookie: is not of group 8';
  assert.is(await refusal(send(context, cookie, 'x', { lgId: 8n })), wrong);
  assert.match(await refusal(send(context, `${cookie}x`, 'x')), /^UNAUTHENTICATED signature is invalid/);
  const session = await context.dme.cookie(APPS.ever);
  assert.is(await refusal(send(context, session, 'x')), 'UNAUTHENTICATED No group data in cookie');
  const { client } = context.dme;
  const list = callUnary(client, 'getFqdnList', { ver: 0, sessionCookie: cookie });
  assert.is(await refusal(list), 'UNAUTHENTICATED No session in cookie');
  const long = send(context, cookie, 'x'.repeat(16385));
  assert.match(await refusal(long), /^INVALID_ARGUMENT message: must have at most 16384 characters/);
  const open = { ver: 0, sessionCookie: session, lgId: 1n, userData: '' };
  const secure = await callUnary(client, 'addUserToGroup', { ...open, commType: 1 });
  assert.equal([secure.status, secure.errorCode, secure.groupCookie], [2, 1, '']);
});

api('over REST, too', async (context) => {
  const cookie = await join(context);
  const listener = await listen(context, await join(context));
  const body = { lg_id: 7, group_cookie: cookie, message_id: '3', message: 'from REST' };
  const answer = await context.dme.http('/v1/sendtogroup', body);
  assert.is(answer.body, '{\n "ver": 0,\n "ack_id": "3",\n "group_cookie": ""\n}');
  await until('it came', () => listener.got.length === 2);
  listener.end();
});

api('a stop ends what is received', async (context) => {
  const listener = await listen(context, await join(context));
  await context.dme.stop();
  assert.is(await listener.ended, 'UNAVAILABLE the match engine is stopping');
});

api.run();

const core = suite('groups');

const member = (name: string, exp = 100) => ({ channel: 'c', member: name, userData: '', exp });
const text = (message: string, messageId = 0n) => ({
  ...DlgMessage.decode(new Uint8Array()),
  message,
  messageId,
});

core('a slow receiver loses the oldest, and is told how many', async () => {
  const groups = new Groups(new LocalLink(), new ManualClock(), systemRandom);
  groups.start();
  const got: DlgDelivery[] = [];
  let go = () => {};
  const blocked = new Promise<void>((resolve) => {
    go = resolve;
  });
  const abort = new AbortController();
  const receiving = groups.receive(
    member('b'),
    async (delivery) => {
      got.push(delivery);
      await blocked;
    },
    abort.signal,
  );
  for (let i = 0; i < 1000; i++) groups.send(member('a'), text(`${i}`));
  go();
  await until('all that is left came', () => got.at(-1)?.message === '999');
  const lost = got.reduce((sum, delivery) => sum + delivery.lost, 0n);
  assert.is(lost + BigInt(got.filter(({ joined }) => !joined).length), 1000n);
  assert.ok(got.length <= 257, `${got.length}`);
  abort.abort();
  await receiving;
});

core('receiving ends with the cookie', async () => {
  const clock = new ManualClock(0);
  const groups = new Groups(new LocalLink(), clock, systemRandom);
  const receiving = groups
    .receive(member('b', 9), async () => undefined, new AbortController().signal)
    .then(
      () => 'ended',
      (error: Error) => error.message,
    );
  clock.advance(9999);
  assert.is(clock.pending, 1);
  clock.advance(1);
  assert.match(await receiving, /^token is expired/);
  assert.is(clock.pending, 0);
});

core('match engines on one bus share groups: the same order for all, nothing twice', async () => {
  const hub = new MemoryHub({ clock: systemClock });
  const engines = [1, 2].map(() => {
    const groups = new Groups(new BusLink(hub.connect(), silentLogger), systemClock, systemRandom);
    groups.start();
    return groups;
  });
  const got: string[][] = [[], []];
  const exp = Math.floor(systemClock.now() / 1000) + 1000;
  const receiving = engines.map((groups, i) =>
    groups
      .receive(
        member(`r${i}`, exp),
        async ({ message }) => void got[i]?.push(message),
        new AbortController().signal,
      )
      .catch((error: EdgeplaneError) => error.code),
  );
  // Once a message of each comes back, both read.
  await until('both read', async () => {
    for (const [i, groups] of engines.entries()) groups.send(member(`s${i}`, exp), text('ready', 1n));
    return got.every((texts) => texts.includes('ready'));
  });
  for (let i = 0; i < 200; i++) engines[i % 2]?.send(member(`s${i % 2}`, exp), text(`m${i}`, BigInt(i + 10)));
  // The reply to the first was lost: the client turns to the other engine.
  engines[1]?.send(member('s0', exp), text('m0', 10n));
  engines[0]?.send(member('s0', exp), text('end', 999n));
  await until('all came', () => got.every((texts) => texts.includes('end')));
  const sent = got.map((texts) => texts.filter((each) => each.startsWith('m')));
  assert.is(new Set(sent[0]).size, 200);
  assert.is(sent[0]?.length, 200);
  assert.equal(sent[1], sent[0]);
  await Promise.all(engines.map((groups) => groups.stop()));
  assert.equal(await Promise.all(receiving), ['STOPPING', 'STOPPING']);
});

core.run();
