import { seededRandom } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { between } from './chance.js';
import { findFaults } from './checks.js';
import { judgeClaims } from './claims.js';
import { Model } from './model.js';
import { Nemesis } from './nemesis.js';
import { cloudlet, flavor } from './objects.js';
import { Report } from './report.js';
import { Stored } from './stored.js';
import { Trace } from './trace.js';
import { User } from './user.js';
import { World } from './world.js';

export interface RunOptions {
  readonly seed: number;
  /** How long there is trouble, simulated milliseconds. */
  readonly troubleMs?: number;
  /** Gets every line of the trace and of all logs. */
  readonly say?: (line: string) => void;
}

export interface RunResult {
  readonly seed: number;
  /** What is wrong; nothing when the run went well. */
  readonly faults: readonly string[];
  /** Of everything that happened: the same for the same seed and code. */
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  /** Kinds of trouble. */
  readonly troubles: readonly string[];
  /** The last lines of the trace. */
  readonly tail: readonly string[];
}

const TROUBLE_MS = 30_000;
const USERS = 3;
/** How long everything may take to come to rest, simulated milliseconds. */
const REST_LIMIT_MS = 300_000;
/** How often it is looked whether it has. */
const LOOK_MS = 2000;
/** How long it must stay so: longer than a half-open connection lives. */
const STAY_MS = 70_000;

/** After that, for how long no connection may be made anew: longer than a peer may owe an ack. */
const QUIET_MS = 100_000;

/** Runs the whole control plane from one seed: users and trouble, then calm, then everything is checked. */
export async function run({ seed, troubleMs = TROUBLE_MS, say }: RunOptions): Promise<RunResult> {
  const trace = new Trace(400, say);
  const report = new Report();
  const world = new World(seed, trace, report, say);
  const random = seededRandom(seed ^ 0x0dd5);
  const nemesis = new Nemesis(world, random);
  const model = new Model(world.history, report);
  judgeClaims(world.history, report);
  const onRejection = (reason: unknown) =>
    report.fault(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`);
  process.on('unhandledRejection', onRejection);
  try {
    await live(world, model, nemesis, troubleMs);
    await rest(world, report);
    const stored = await Stored.read(world.store.data);
    for (const fault of model.check(stored.all())) report.fault(fault);
  } finally {
    await world.end();
    process.removeListener('unhandledRejection', onRejection);
  }
  return {
    seed,
    faults: report.faults,
    hash: trace.digest(),
    events: trace.count,
    simulatedMs: world.scheduler.now,
    troubles: nemesis.names,
    tail: trace.tail(40),
  };
}

/** Users at work while there is trouble; afterwards there is none, and the users have gone. */
async function live(world: World, model: Model, nemesis: Nemesis, troubleMs: number): Promise<void> {
  const { scheduler, random } = world;
  world.start();
  const users = Array.from({ length: USERS }, (_, i) => new User(world, model, random, `u${i}`));
  let end = Number.POSITIVE_INFINITY;
  const isOver = () => scheduler.now > end;
  const prepare = async () => {
    const [first] = users;
    await first?.insist(OBJECTS.Flavor, flavor('small'));
    for (const { key } of world.agents) await first?.insist(OBJECTS.Cloudlet, cloudlet(key));
  };
  const work = async () => {
    await prepare();
    end = scheduler.now + troubleMs;
    await Promise.all([
      nemesis.run(isOver, between(random, 300, 6000)),
      ...users.map((user) => user.run(isOver, between(random, 300, 3000))),
    ]);
  };
  let over = false;
  const working = work().then(() => {
    over = true;
  });
  scheduler.after(troubleMs + 10_000, 'calm', () => nemesis.calm());
  if (await scheduler.run(() => over, REST_LIMIT_MS)) await working;
  else world.report.fault('a call was never answered');
  nemesis.calm();
}

/** Lets everything come to rest, and sees that it stays so. */
async function rest(world: World, report: Report): Promise<void> {
  const { scheduler } = world;
  let faults: string[] = [];
  for (let waited = 0; waited < REST_LIMIT_MS; waited += LOOK_MS) {
    await scheduler.run(() => false, LOOK_MS);
    faults = await findFaults(world);
    if (faults.length === 0) break;
  }
  if (faults.length === 0) {
    await scheduler.run(() => false, STAY_MS);
    const { made } = world.network;
    await scheduler.run(() => false, QUIET_MS);
    faults = await findFaults(world);
    const anew = world.network.made - made;
    if (anew > 0) faults.push(`${anew} connections were made anew though nothing was wrong`);
  }
  for (const fault of faults) report.fault(fault);
}
