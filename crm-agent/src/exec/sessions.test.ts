// test: timeout=120s
/** Remote shells between two real WebRTC ends, with the fake driver's shell behind them. */
import { PassThrough, Readable } from 'node:stream';
import { createLogger, deferred, silentLogger, systemClock } from '@edgeplane/base';
import { callShell, encodeDescription, openPeer, type ShellEnd, type ShellIo } from '@edgeplane/remote-shell';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openFakeShell } from '../drivers/fake/fake-shell.js';
import { type SessionLimits, ShellSessions } from './sessions.js';
import type { StartShell } from './shell.js';

interface Context {
  sessions: ShellSessions;
  open(limits: Partial<SessionLimits>): ShellSessions;
}

const tests = suite<Context>('remote shells');

tests.before.each((context) => {
  context.open = (limits) => {
    context.sessions = new ShellSessions({
      iceServers: [],
      clock: systemClock,
      logger: silentLogger,
      limits,
    });
    return context.sessions;
  };
  context.open({});
});

tests.after.each(async ({ sessions }) => {
  await sessions.stop();
  assert.is(sessions.size, 0);
});

const shell =
  (command: string, plain: boolean): StartShell =>
  async (size) =>
    openFakeShell('host', { command, plain }, size);

interface Caller {
  readonly ended: Promise<ShellEnd>;
  readonly input: PassThrough;
  said(): Buffer;
  hears(pattern: RegExp): Promise<void>;
  resize(cols: number, rows: number): void;
  hangUp(): void;
}

function call(
  sessions: ShellSessions,
  start: StartShell,
  options: { key?: string; size?: boolean } = {},
): Caller {
  const input = new PassThrough();
  const said: Buffer[] = [];
  const abort = new AbortController();
  let more = deferred<void>();
  let size = { cols: 80, rows: 24 };
  let resized = () => {};
  const hear = async (data: Uint8Array) => {
    said.push(Buffer.from(data));
    more.resolve();
    more = deferred();
  };
  const io: ShellIo = {
    input,
    output: hear,
    errors: async (data) => hear(Buffer.concat([Buffer.from('ERR '), data])),
    ...(options.size ? { size: () => size } : {}),
    onResize: (listener) => {
      resized = listener;
      return () => undefined;
    },
  };
  const ended = callShell({
    exchange: (offer) => sessions.answer(options.key ?? 'inst', start, offer),
    ...{ io, iceServers: [], clock: systemClock, signal: abort.signal },
  });
  ended.catch(() => undefined);
  return {
    ended,
    input,
    said: () => Buffer.concat(said),
    async hears(pattern) {
      while (!pattern.test(Buffer.concat(said).toString())) await Promise.race([more.promise, ended]);
    },
    resize: (cols, rows) => {
      size = { cols, rows };
      resized();
    },
    hangUp: () => abort.abort(new Error('hung up')),
  };
}

tests('a terminal: echo, size, resize, status', async ({ sessions }) => {
  const caller = call(sessions, shell('', false), { size: true });
  await caller.hears(/^# /);
  caller.resize(132, 43);
  do {
    caller.input.write('stty size\r');
    await caller.hears(/\d+ \d+\r\n# $/);
  } while (!caller.said().toString().includes('43 132'));
  caller.input.write('exit 4\r');
  assert.equal(await caller.ended, { code: 4 });
  assert.match(caller.said().toString(), /# exit 4\r\n$/);
});

tests('pipes: bytes as they are, standard error apart, the end of input', async ({ sessions }) => {
  const quiet = call(sessions, shell('nosuch', true));
  assert.equal([await quiet.ended, quiet.said().toString()], [{ code: 127 }, 'ERR sh: nosuch: not found\n']);
  const copy = call(sessions, shell('cat', true));
  const sent = Buffer.alloc(3_000_000, 'many bytes ');
  Readable.from([sent]).pipe(copy.input);
  assert.equal(await copy.ended, { code: 0 });
  assert.ok(copy.said().equals(sent));
});

tests('two at once do not mix', async ({ sessions }) => {
  const callers = ['one', 'two'].map((word) => ({ word, ...call(sessions, shell('cat', true)) }));
  for (const { input, word } of callers) input.end(word);
  for (const { ended, said, word } of callers) {
    await ended;
    assert.is(said().toString(), word);
  }
});

tests('limits, and shells that end for reasons not their own', async ({ open }) => {
  const sessions = open({ perInstance: 2, inAll: 3, idleMs: 60_000 });
  const [a, b] = [call(sessions, shell('', false)), call(sessions, shell('', false))];
  await Promise.all([a.hears(/#/), b.hears(/#/)]);
  const third = await call(sessions, shell('', false)).ended.catch((error: Error) => error.message);
  assert.is(third, '2 remote shells are open at this instance, which is all it takes');
  const other = call(sessions, shell('', false), { key: 'other' });
  await other.hears(/#/);
  assert.match(
    String(await call(sessions, shell('', false), { key: 'more' }).ended.catch((e: Error) => e.message)),
    /^3 remote shells are open at this agent/,
  );
  sessions.endAll('inst', 'the instance is being deleted');
  assert.equal(await Promise.all([a.ended, b.ended]), [
    { reason: 'the instance is being deleted' },
    { reason: 'the instance is being deleted' },
  ]);
  const stopped = sessions.stop();
  assert.equal(await other.ended, { reason: 'the agent is stopping' });
  await stopped;
});

tests('a caller that hangs up, one that is silent, and one that never connects', async ({ open }) => {
  const sessions = open({ connectMs: 300, idleMs: 400 });
  const silent = call(sessions, shell('', false));
  assert.equal(await silent.ended, { reason: 'nothing was said for 0.4 s' });
  const closed = deferred<void>();
  const start: StartShell = async (size) => {
    const opened = openFakeShell('host', { command: '', plain: false }, size);
    return { ...opened, close: () => opened.close().finally(closed.resolve) };
  };
  const leaving = call(sessions, start);
  await leaving.hears(/#/);
  leaving.hangUp();
  await closed.promise;
  assert.is(await leaving.ended.catch((error: Error) => error.message), 'hung up');

  const absent = openPeer([]);
  absent.createDataChannel('data');
  await absent.setLocalDescription(await absent.createOffer());
  const offer = encodeDescription({ type: 'offer', sdp: absent.localDescription?.sdp ?? '' });
  await sessions.answer('inst', shell('', false), offer);
  await absent.close();
  while (sessions.size > 0) await new Promise((resolve) => setImmediate(resolve));
});

tests('a shell that does not start says why; no session description is logged', async () => {
  const lines: string[] = [];
  const logger = createLogger({
    name: 't',
    level: 'trace',
    destination: { write: (line) => lines.push(line) },
  });
  const sessions = new ShellSessions({ iceServers: [], clock: systemClock, logger });
  const start: StartShell = async () => {
    throw new Error('no such container any more');
  };
  assert.equal(await call(sessions, start).ended, { reason: 'no such container any more' });
  await sessions.answer('inst', start, '{"type":"offer","sdp":"v=0 nonsense"}').catch(() => undefined);
  await sessions.stop();
  assert.not.match(lines.join(''), /v=0|fingerprint|ice-pwd/);
});

tests('without a way through the caller is told which addresses there were', async ({ open }) => {
  const sessions = open({ connectMs: 200 });
  const said = await callShell({
    exchange: async (offer) => {
      // Either end alone could still be found by the other's packets.
      const elsewhere = (text: string) =>
        text.replaceAll(/(a=candidate:\S+ \d \S+ \d+) \S+ \d+/g, '$1 192.0.2.77 9');
      return elsewhere(await sessions.answer('inst', shell('', false), elsewhere(offer)));
    },
    io: { input: new PassThrough(), output: async () => undefined, errors: async () => undefined },
    ...{ iceServers: [], clock: systemClock, signal: new AbortController().signal, connectMs: 200 },
  }).catch((error: Error) => error.message);
  assert.match(String(said), /^no way through to the agent within 0\.2 s: it offers 192\.0\.2\.77;/);
});

tests('a caller that knows no control channel gets bytes, and the end', async ({ sessions }) => {
  const old = openPeer([]);
  const data = old.createDataChannel('data');
  let said = '';
  data.onMessage.subscribe((message) => {
    said += message.toString();
    if (said === '# ') data.send(Buffer.from('exit 9\r'));
  });
  await old.setLocalDescription(await old.createOffer());
  const offer = encodeDescription({ type: 'offer', sdp: old.localDescription?.sdp ?? '' });
  const answer = await sessions.answer('inst', shell('', false), offer);
  const closed = new Promise<void>((resolve) =>
    data.stateChanged.subscribe((state) => {
      if (state === 'closed') resolve();
    }),
  );
  await old.setRemoteDescription(JSON.parse(answer) as { type: 'answer'; sdp: string });
  await closed;
  assert.is(said, '# exit 9\r\n');
  await old.close();
});

tests.run();
