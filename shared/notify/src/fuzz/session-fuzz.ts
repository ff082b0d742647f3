import type { Duplex } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { createLogger, ManualClock, seededRandom } from '@edgeplane/base';
import { currentVersionHash, OBJECTS } from '@edgeplane/objects';
import { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { NotifyClient } from '../client.js';
import { notifyErrors } from '../errors.js';
import type { NotifyLimits } from '../limits.js';
import { NotifyServer } from '../server.js';
import { controllerTables, make, table } from '../testing.js';
import { TestLink } from '../testing-link.js';
import { Dice } from './dice.js';
import { RandomPeer } from './random-frame.js';

/** Limits that random peers come to. */
const LIMITS: Partial<NotifyLimits> = { maxDirtyKeys: 50, maxMessages: 5, maxHeldBytes: 40_000, maxScope: 3 };
/** Frames of one hostile peer. */
const MOST_FRAMES = 40;
/** Steps in which an honest peer comes into step: minutes of its time. */
const MOST_STEPS = 300;
/** Ends of sessions that need no name of their own. */
const PLAIN = [
  'the peer is gone',
  'the server ended the session',
  'the connection was cut',
  'nobody listens',
  'the client is gone',
];

/** The reasons that a session may end for. */
const NAMED = Object.values(notifyErrors).map(
  ({ template }) =>
    new RegExp(`^${template.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^]*')}$`),
);

/** Reads along what is logged: ends without a name, and errors that are not those of notify. */
class Watch {
  readonly faults: string[] = [];
  readonly logger = createLogger({
    name: 'fuzz',
    destination: { write: (line) => this.#line(JSON.parse(line) as Record<string, unknown>) },
  });

  #line({ msg, reason, err, level }: Record<string, unknown>): void {
    if (msg === 'Peer lost' || msg === 'Notify connection lost') {
      const text = String(reason);
      if (!PLAIN.includes(text) && !NAMED.some((name) => name.test(text)))
        this.faults.push(`${msg}: ${text}`);
    } else if (level === 'error') this.faults.push(`${msg}: ${JSON.stringify(err)}`);
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends what the peer has to say, while time goes by, things change, and it reads or does not. */
async function hostile(
  dice: Dice,
  stream: Duplex,
  isClient: boolean,
  clock: ManualClock,
  change: () => void,
): Promise<void> {
  stream.on('error', () => undefined);
  const peer = new RandomPeer(dice, currentVersionHash(), dice.pick(['n', 'm']), isClient);
  if (dice.chance(70)) stream.resume();
  if (!stream.destroyed) stream.write(peer.first());
  for (let i = dice.below(MOST_FRAMES); i > 0 && !stream.destroyed && !stream.writableEnded; i--) {
    stream.write(peer.next());
    if (dice.chance(30)) await turns(1 + dice.below(4));
    if (dice.chance(30)) change();
    if (dice.chance(10)) clock.advance(dice.pick([1, 300, 10_000, 30_000, 60_000]));
    if (dice.chance(5)) stream.pause();
  }
  await turns(3);
  if (dice.chance(30)) stream.end();
}

/** What is in some tables, to be compared. */
function contents(tables: readonly { keys(): Iterable<string>; get(key: string): unknown }[]): unknown {
  return tables.map((one) => [...one.keys()].sort().map((key) => [key, one.get(key)]));
}

/**
 * A server, then a client, meet peers that say anything, in simulated time; whoever is honest afterwards comes into step
 * exactly. What went wrong, if anything.
 */
export async function fuzzSessions(seed: number): Promise<string[]> {
  const dice = new Dice(seededRandom(seed));
  const clock = new ManualClock();
  const watch = new Watch();
  const down = controllerTables();
  const downs = Object.values(down);
  for (const name of ['a', 'b']) {
    down.flavor.put(make.flavor(name));
    down.app.put(make.app(name));
    down.appInst.put(make.appInst(name, 'x'));
  }
  const change = () => {
    const name = dice.pick(['a', 'b', 'c']);
    if (dice.chance(30)) down.flavor.delete({ name });
    else down.flavor.put(make.flavor(name, BigInt(dice.below(100))));
    if (dice.chance(20)) down.appInst.put(make.appInst(name, dice.pick(['x', 'y'])));
    if (dice.chance(10)) server.sendMessage('ExecRequest', ExecRequest.fromPartial({ offer: name }));
  };
  const [nodes, infos] = [table('Node'), table('CloudletInfo')];
  const common = { clock, logger: watch.logger, limits: LIMITS, maxVersion: 2 };
  const server = new NotifyServer({
    ...common,
    sources: downs as never,
    receivers: [nodes, infos] as never,
    messageReceivers: [],
  });
  const link = new TestLink();
  link.server = server;
  for (let i = dice.below(3); i >= 0; i--) {
    const call = link.dial('server');
    await hostile(dice, call.stream, true, clock, change);
    if (dice.chance(60)) call.close();
    await turns(3);
  }
  // A hostile server first, for a client that then comes to the good one.
  const [own, ownInfos] = [table('Node'), table('CloudletInfo')];
  own.put(OBJECTS.Node.withKey({ ...OBJECTS.Node.empty().key, name: 'honest' } as never));
  ownInfos.put(make.cloudletInfo('x'));
  const mirrors = Object.values(controllerTables());
  const bad: Duplex[] = [];
  link.server = {
    accept: async (stream) => {
      bad.push(stream);
      await hostile(dice, stream, false, clock, change);
      stream.destroy();
    },
  };
  const client = new NotifyClient({
    ...common,
    addrs: ['test:1'],
    filterCloudletKey: false,
    random: seededRandom(seed),
    dial: link.dial,
    maxVersion: dice.pick([1, 2, 2]),
    limits: { ...LIMITS, maxHeldBytes: 1_000_000 },
    sources: [own, ownInfos] as never,
    receivers: mirrors as never,
    messageReceivers: [],
  });
  client.start();
  for (let i = dice.below(4); i >= 0; i--) {
    await turns(5);
    clock.advance(3000);
  }
  link.server = server;
  for (const stream of bad) stream.destroy();
  link.cut();
  const inStep = () =>
    client.state === 'synced' &&
    isDeepStrictEqual(contents(mirrors), contents(downs)) &&
    [...own.keys()].every((key) => nodes.get(key) !== undefined) &&
    server.peers().length === 1;
  let steps = 0;
  for (; !inStep() && steps < MOST_STEPS; steps++) {
    clock.advance(steps < 20 ? 500 : 5000);
    await turns(5);
  }
  if (!inStep()) {
    const where = `${client.state}, ${server.peers().length} peers`;
    const sizes = [mirrors, downs].map((tables) => tables.map(({ size }) => size).join());
    watch.faults.push(`honest peers do not come into step: ${where}, holds ${sizes[0]} of ${sizes[1]}`);
  }
  const stopped = Promise.all([client.stop(), server.stop()]).then(() => 'stopped');
  let ended: unknown;
  stopped.then(
    (how) => {
      ended = how;
    },
    (error: unknown) => {
      ended = error;
    },
  );
  for (let i = 0; i < 50 && ended === undefined; i++) {
    await turns(5);
    clock.advance(1000);
  }
  if (ended !== 'stopped') watch.faults.push(`stopping: ${ended ?? 'does not end'}`);
  await turns(2);
  if (clock.pending > 0) watch.faults.push(`${clock.pending} timers are left`);
  return watch.faults;
}
