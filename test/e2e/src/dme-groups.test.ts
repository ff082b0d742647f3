// test: timeout=120s
/** A group whose members are at two match engines, over a real NATS server. */
import { join } from 'node:path';
import { MatchEngineApiClient } from '@edgeplane/proto/dme/app-client.js';
import {
  type DlgDelivery,
  DlgMessage,
  DynamicLocGroupApiClient,
} from '@edgeplane/proto/dme/dynamic-loc-group.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import {
  eventually,
  type Nats,
  type Running,
  startNats,
  startProgram,
  tempDir,
} from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Member {
  readonly cookie: string;
  readonly group: DynamicLocGroupApiClient;
  readonly heard: DlgDelivery[];
  leave(): void;
}

interface Context {
  dir: ReturnType<typeof tempDir>;
  nats: Nats;
  dmes: Running[];
}

const tests = suite<Context>('groups over NATS');

tests.before(async (context) => {
  context.dir = tempDir('groups');
  const dir = context.dir.path;
  context.nats = await startNats({ dir });
  const flags = [
    '--standalone',
    '--api-addr',
    '127.0.0.1:0',
    '--http-addr',
    '',
    '--nats-urls',
    context.nats.url,
  ];
  const keys = ['--cookie-key-file', join(dir, 'keys.json')];
  const first = await startProgram('dme', [...flags, ...keys], dir, 'dme-1');
  context.dmes = [first, await startProgram('dme', [...flags, ...keys], dir, 'dme-2')];
});
tests.after(async ({ dmes, nats, dir }) => {
  await Promise.all(dmes.map((dme) => dme.stop()));
  await nats.stop();
  dir.remove();
});

async function enter({ dmes }: Context, at: number, userData: string): Promise<Member> {
  const address = dmes[at]?.addresses['api'] ?? '';
  const engine = connect(MatchEngineApiClient, address);
  const group = connect(DynamicLocGroupApiClient, address);
  const app = { ver: 0, devName: 'Ever.AI', appName: 'Ever', appVers: '1.7', carrierName: '', authToken: '' };
  const { sessionCookie } = await callUnary(engine, 'registerClient', app);
  const request = { ver: 0, sessionCookie, lgId: 5n, commType: 2 as const, userData };
  const { groupCookie: cookie } = await callUnary(engine, 'addUserToGroup', request);
  engine.close();
  const heard: DlgDelivery[] = [];
  const abort = new AbortController();
  const listening = (async () => {
    const receive = { lgId: 5n, groupCookie: cookie };
    for await (const delivery of callStream(group, 'receiveFromGroup', receive, { signal: abort.signal }))
      heard.push(delivery);
  })().catch(() => undefined);
  await eventually('joined', () => heard.length > 0);
  return {
    ...{ cookie, group, heard },
    leave: () => {
      abort.abort();
      void listening.then(() => group.close());
    },
  };
}

function say({ group, cookie }: Member, message: string, messageId = 0n) {
  const empty = DlgMessage.decode(new Uint8Array());
  return callUnary(group, 'sendToGroup', { ...empty, lgId: 5n, groupCookie: cookie, message, messageId });
}

const texts = ({ heard }: Member) => heard.filter(({ joined }) => !joined).map(({ message }) => message);

tests('members at both hear each other, in one order, also after NATS was away', async (context) => {
  const [a, b, c] = [
    await enter(context, 0, 'a'),
    await enter(context, 1, 'b'),
    await enter(context, 1, 'c'),
  ];
  // Whoever reads the bus hears this; then both do.
  await eventually('both are on the bus', async () => {
    await Promise.all([say(a, 'hello', 1n), say(b, 'hello', 1n)]);
    return texts(a).includes('hello') && texts(b).includes('hello');
  });
  for (let i = 0; i < 20; i++) await say(i % 2 === 0 ? a : b, `m${i}`, BigInt(i + 2));
  // Said again elsewhere, as a client would whose answer was lost.
  await say({ ...a, group: b.group }, 'm0', 2n);
  await say(a, 'end', 100n);
  await eventually('all came', () => texts(c).includes('end'));
  const all = texts(c).filter((text) => text.startsWith('m'));
  assert.is(all.length, 20);
  assert.equal(
    texts(b).filter((text) => text.startsWith('m')),
    all.filter((_, i) => Number(all[i]?.slice(1)) % 2 === 0),
  );
  await context.nats.restart();
  await say(a, 'after', 101n);
  await eventually('what was said while the bus was away', () => texts(c).includes('after'));
  for (const member of [a, b, c]) member.leave();
});

tests.run();
