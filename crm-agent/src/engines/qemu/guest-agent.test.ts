import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { GuestAgent, withAgent } from './guest-agent.js';
import { guestInfoOf } from './guest-info.js';
import { failure } from './testing.js';

type Answer = (command: { execute: string; arguments?: Record<string, unknown> }) => string | undefined;
const context = { dir: '', path: '', answer: (() => undefined) as Answer, close: (): void => undefined };
const test = suite('guest agent', context);

test.before.each(async (c) => {
  c.dir = await mkdtemp(join(tmpdir(), 'agent-'));
  c.path = join(c.dir, 'agent.sock');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // What an earlier connection did not wait for.
    socket.write('{"return": "stale"}\n');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk.replaceAll('\xff', '');
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const answer = c.answer(JSON.parse(text.slice(0, end)));
        text = text.slice(end + 1);
        if (answer !== undefined) socket.write(answer, 'latin1');
      }
    });
  });
  c.close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  await new Promise<void>((resolve) => server.listen(c.path, resolve));
});
test.after.each(async (c) => {
  c.close();
  await rm(c.dir, { recursive: true, force: true });
});

const options = (c: typeof context) => ({ id: 'vm', path: c.path, clock: systemClock, timeoutMs: 500 });
const sync: Answer = ({ execute, arguments: args }) =>
  execute === 'guest-sync-delimited' ? `\xff{"return": ${args?.['id']}}\n` : undefined;

test('stale answers are dropped; a refusal keeps the reason', async (c) => {
  c.answer = (command) =>
    sync(command) ??
    (command.execute === 'guest-ping' ? '{"return": {}}\n' : '{"error": {"desc": "not allowed"}}\n');
  const agent = await GuestAgent.connect({ ...options(c), session: 42 });
  assert.equal(await agent.execute('guest-ping'), {});
  const refused = await failure(agent.execute('guest-fsfreeze-freeze'));
  assert.ok(isKind(refused, qemuErrors.guestAgentRefused));
  assert.match(refused?.message ?? '', 'not allowed');
  agent.close();
});

test('nobody there, rubbish, an endless line: all of it is silence', async (c) => {
  for (const answer of [undefined, '\xffnot json\n', `\xff${'x'.repeat(2_000_000)}`]) {
    c.answer = () => answer;
    assert.is(await withAgent(options(c), () => undefined), false);
  }
  c.close();
  assert.is(await withAgent({ ...options(c), path: join(c.dir, 'none') }, () => undefined), false);
});

test('what a guest says is cleaned and bounded', () => {
  const address = (ip: string) => ({ 'ip-address': ip });
  const links = [
    { name: 'lo', 'ip-addresses': [address('127.0.0.1'), address('::1')] },
    {
      name: 'eth0',
      'hardware-address': '52:54:00:00:00:01',
      'ip-addresses': [address('10.0.2.15'), address('fe80::1'), address('2001:db8::2'), address('<script>')],
    },
    7,
  ];
  const info = guestInfoOf({
    host: { 'host-name': 'a\u001b[31mb' },
    os: { 'pretty-name': 'x'.repeat(500) },
    agent: undefined,
    links,
  });
  assert.is(info.hostname, 'a [31mb');
  assert.is(info.os?.length, 200);
  assert.equal(
    info.addresses.map(({ link, ip }) => `${link} ${ip}`),
    ['eth0 10.0.2.15', 'eth0 2001:db8::2'],
  );
  assert.equal(guestInfoOf({ host: null, os: 1, agent: [], links: 'no' }), { addresses: [] });
});

test.run();
