import { createServer, type Server } from 'node:net';
import { createLogger, fail, systemClock } from '@edgeplane/base';
import { MemoryHub } from '@edgeplane/bus';
import { OBJECTS, type ObjectOf } from '@edgeplane/objects';
import { type Node, NodeApiService } from '@edgeplane/proto/edgeproto/node.js';
import { RpcServer, serverStream } from '@edgeplane/rpc';
import { ObjectCache } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { controllerErrors } from '../errors.js';
import { listPeerCall } from './peer-call.js';
import { Peers } from './peers.js';

interface Context {
  lines: { level: string; msg: string; controller?: string }[];
  controllers: ObjectCache<ObjectOf<'Controller'>>;
  peers: Peers;
  stops: (() => Promise<unknown>)[];
}

const { Controller } = OBJECTS;
const tests = suite<Context>('peers');

tests.before.each((context) => {
  context.lines = [];
  context.stops = [];
  const logger = createLogger({
    name: 'test',
    destination: { write: (line) => context.lines.push(JSON.parse(line)) },
  });
  context.controllers = new ObjectCache({
    name: 'Controller',
    prefix: 'Controller/',
    decode: (entry) => Controller.fromStored(entry.value),
  });
  context.peers = new Peers({
    controllers: context.controllers,
    ownAddress: () => 'own:1',
    bus: new MemoryHub().connect(),
    tls: undefined,
    logger,
    clock: systemClock,
  });
});

tests.after.each(async ({ peers, stops }) => {
  await peers.stop();
  for (const stop of stops) await stop();
});

function node(name: string): Node {
  return OBJECTS.Node.withKey({ name, nodeType: 0, cloudletKey: { operatorKey: { name: '' }, name: '' } });
}

/** Registers a controller; `revision` stands for one life of it. */
function register({ controllers }: Context, addr: string, revision = 1): void {
  const controller = Controller.withKey({ addr });
  const entry = { value: Controller.toStored(controller), revision };
  controllers.apply(Controller.keyJsonOf(controller), entry as never, revision);
}

/** A controller whose ShowNodeLocal does what `answer` does. */
async function serve(
  context: Context,
  answer: (send: (name: string) => Promise<void>, signal: AbortSignal) => Promise<void>,
  addr = '127.0.0.1:0',
): Promise<{ addr: string; stop: () => Promise<unknown> }> {
  const server = new RpcServer({ logger: createLogger({ name: 'peer', level: 'silent' }), name: 'peer' });
  server.addService(NodeApiService, {
    showNodeLocal: serverStream(async (_, send, { signal }) => answer((name) => send(node(name)), signal)),
    showNode: serverStream(async () => undefined),
  });
  const actual = await server.listen(addr);
  const stop = () => server.stop(0);
  context.stops.push(stop);
  return { addr: actual, stop };
}

/** Takes connections and says nothing. */
async function mute(context: Context): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    context.stops.push(async () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.stops.push(async () => server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const never = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

const call = (peers: Peers, local: () => Promise<readonly Node[]>) =>
  peers.serve(listPeerCall(NodeApiService.showNodeLocal, local));

type Call = ReturnType<typeof call>;

async function ask(
  { peers }: Context,
  asked: Call,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const answers: string[] = [];
  for await (const { controller, reply, error } of peers.askAll(asked, node(''), { deadlineMs, signal })) {
    const said = reply ? reply.map((n) => n.key?.name).join('+') : error?.status;
    answers.push(`${controller} ${said}`);
  }
  return answers;
}

tests(
  'one answer per controller, in the order in which they come, the slow and the dead as errors',
  async (context) => {
    const good = await serve(context, async (send) => {
      await send('a');
      await send('b');
    });
    const slow = await serve(context, (_, signal) => never(signal));
    const refusing = await serve(context, async () => {
      throw fail(controllerErrors.STOPPING);
    });
    const deaf = await mute(context);
    for (const { addr } of [slow, refusing, good]) register(context, addr);
    for (const addr of ['own:1', '127.0.0.1:1', deaf, 'nonsense']) register(context, addr);

    const answers = await ask(
      context,
      call(context.peers, async () => [node('mine')]),
      700,
    );
    assert.equal(
      [...answers].sort(),
      [
        '127.0.0.1:1 UNAVAILABLE',
        `${good.addr} a+b`,
        `${refusing.addr} UNAVAILABLE`,
        `${slow.addr} DEADLINE_EXCEEDED`,
        `${deaf} DEADLINE_EXCEEDED`,
        'nonsense INVALID_ARGUMENT',
        'own:1 mine',
      ].sort(),
    );
    assert.equal(
      answers.slice(-2).map((a) => a.split(' ')[1]),
      ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
      'those that answer do not wait for those that do not',
    );
  },
);

tests('what this controller itself answers is bounded too, and its faults are not told', async (context) => {
  let local: () => Promise<readonly Node[]> = () => new Promise(() => {});
  const asked = call(context.peers, () => local());
  assert.equal(await ask(context, asked, 50), ['own:1 DEADLINE_EXCEEDED']);
  local = () => Promise.reject(new Error('a secret'));
  assert.equal(await ask(context, asked, 5000), ['own:1 INTERNAL']);
});

tests('who asks may leave early: by its signal, or by leaving the loop', async (context) => {
  const slow = await serve(context, (_, signal) => never(signal));
  register(context, slow.addr);
  const asked = call(context.peers, async () => []);
  const abort = new AbortController();
  const asking = ask(context, asked, 60_000, abort.signal);
  setImmediate(() => abort.abort());
  assert.equal((await asking).sort(), [`${slow.addr} CANCELLED`, 'own:1 ']);

  for await (const { controller } of context.peers.askAll(asked, node(''), { deadlineMs: 60_000 })) {
    assert.is(controller, 'own:1');
    break;
  }
});

tests(
  'one line when a controller falls silent, one when it is back; a new life is dialled at once',
  async (context) => {
    const first = await serve(context, async (send) => send('one'));
    register(context, first.addr);
    const asked = call(context.peers, async () => []);
    const asks = () => ask(context, asked, 30_000);
    assert.ok((await asks()).includes(`${first.addr} one`));
    await first.stop();
    for (let i = 0; i < 3; i++) assert.ok((await asks()).includes(`${first.addr} UNAVAILABLE`));
    await serve(context, async (send) => send('two'), first.addr);
    register(context, first.addr, 2);
    assert.ok((await asks()).includes(`${first.addr} two`));
    assert.equal(
      context.lines.map(({ level, msg, controller }) => [level, msg, controller]),
      [
        ['warn', 'A controller does not answer', first.addr],
        ['info', 'A controller answers again', first.addr],
      ],
    );
  },
);

tests.run();
