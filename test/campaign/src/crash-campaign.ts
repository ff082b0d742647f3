import { join } from 'node:path';
import { type Random, seededRandom, sleep, systemClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { AppInstInfo, AppInstInfoApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { callStream, connect } from '@edgeplane/rpc';
import { EtcdStore } from '@edgeplane/store';
import {
  eventually,
  freePort,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startEtcd,
  startProgram,
  tempDir,
} from '@edgeplane/test-harness';
import { isQuiet, takeInventory } from './invariants.js';
import { SITES, User } from './user.js';

export interface CrashOptions {
  readonly kills: number;
  readonly seed: number;
  readonly say?: (text: string) => void;
}

export interface CrashReport {
  readonly kills: number;
  readonly calls: number;
  /** Calls that ended with their controller. */
  readonly interrupted: number;
  readonly refused: number;
  /** Operations that another controller took over, or the same one in its next life. */
  readonly takenOver: number;
  /** Creates that were answered with success and not followed by a delete: all of them must be there. */
  readonly acknowledged: number;
  readonly appInsts: number;
  readonly faults: readonly string[];
}

const USERS = ['a', 'b', 'c', 'd', 'broken'];
const RAM = 256;
const SETUP = `
flavors: [{ key: { name: small }, ram: ${RAM}, vcpus: 1, disk: 1 }]
cloudlets:
${SITES.map((name) => `  - { key: { operator_key: { name: op }, name: ${name} }, location: { latitude: 48, longitude: 11 }, num_dynamic_ips: 9 }`).join('\n')}
apps:
${USERS.map(
  (name) => `  - key: { developer_key: { name: dev }, name: ${name}, version: "1" }
    image_type: ImageTypeDocker
    access_ports: tcp:80
    default_flavor: { name: small }${name === 'broken' ? '\n    annotations: fake.create=fail:no luck' : ''}`,
).join('\n')}
`;

/**
 * Two controllers on a real etcd, two sites with agents, and users who create and delete at both, while one controller after
 * the other is killed at a random moment and started again. In the end everything is counted again.
 */
export async function crashCampaign({ kills, seed, say = () => {} }: CrashOptions): Promise<CrashReport> {
  const random = seededRandom(seed);
  const dir = tempDir('campaign');
  const etcd = await startEtcd({ dir: join(dir.path) });
  const store = new EtcdStore([etcd.url]);
  const controllers: Slot[] = [];
  let keep = false;
  const agents: Running[] = [];
  try {
    for (const name of ['left', 'right']) controllers.push(await Slot.start(name, dir.path, etcd.url));
    const notify = controllers.map((c) => c.notify).join(',');
    const delays = ['--fake-create-delay', '150ms', '--fake-delete-delay', '100ms'];
    for (const name of SITES) {
      agents.push(
        await startAgent(dir.path, notify, { operator: 'op', name }, [
          '--platform',
          'fakecloudlet',
          ...delays,
        ]),
      );
    }
    await prepare(controllers[0]?.api ?? '');
    const addresses = controllers.map((c) => c.api);
    const users = USERS.map(
      (name) => new User(name, addresses, seededRandom(Math.floor(random.next() * 2 ** 31))),
    );
    const running = Promise.all(users.map((user) => user.run()));
    await killOften(controllers, kills, random, say);
    for (const user of users) user.stop();
    await running;
    await eventually('everything comes to rest', () => isQuiet(store), 120_000);
    const inventory = await takeInventory(store, RAM);
    const faults = [...inventory.faults, ...(await agentFaults(addresses[0] ?? '', inventory.appInsts))];
    const beliefs = users.flatMap((user) => [...user.beliefs]);
    for (const [key, belief] of beliefs) {
      const there = inventory.appInsts.includes(key);
      if (belief === 'present' && !there) faults.push(`an acknowledged create is lost: ${key}`);
      if (belief === 'absent' && there) faults.push(`an acknowledged delete came undone: ${key}`);
    }
    if (faults.length > 0) keep = true;
    const sum = (of: (user: User) => number) => users.reduce((total, user) => total + of(user), 0);
    return {
      kills,
      calls: sum((user) => user.calls),
      interrupted: sum((user) => user.interrupted),
      refused: sum((user) => user.refused),
      takenOver: await takenOver(dir.path),
      acknowledged: beliefs.filter(([, belief]) => belief === 'present').length,
      appInsts: inventory.appInsts.length,
      faults,
    };
  } finally {
    await Promise.all([...agents, ...controllers].map((each) => each.stop()));
    await store.close();
    await etcd.stop();
    if (keep) say(`logs are in ${dir.path}`);
    else dir.remove();
  }
}

/** A controller that is started again whenever it was killed, on the same addresses. */
class Slot {
  readonly #dir: string;
  readonly #name: string;
  readonly #args: readonly string[];
  readonly api: string;
  readonly notify: string;
  #running: Running | undefined;
  #lives = 0;

  private constructor(name: string, dir: string, etcd: string, api: string, notify: string) {
    this.#name = name;
    this.#dir = dir;
    this.api = api;
    this.notify = notify;
    // Short, so that a dead owner is noticed soon.
    const lease = ['--lease-ttl', '2s'];
    this.#args = [
      ...['--store', `etcd:${etcd}`, '--apiAddr', api, '--notifyAddr', notify, '--httpAddr', '127.0.0.1:0'],
      ...lease,
    ];
  }

  static async start(name: string, dir: string, etcd: string): Promise<Slot> {
    const [api, notify] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const slot = new Slot(name, dir, etcd, api, notify);
    await slot.begin();
    return slot;
  }

  async begin(): Promise<void> {
    this.#lives += 1;
    this.#running = await startProgram('controller', this.#args, this.#dir, `${this.#name}-${this.#lives}`);
  }

  async kill(): Promise<void> {
    this.#running?.kill('SIGKILL');
    await this.#running?.exited;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }
}

async function killOften(
  controllers: readonly Slot[],
  kills: number,
  random: Random,
  say: (text: string) => void,
): Promise<void> {
  for (let n = 1; n <= kills; n++) {
    await sleep(systemClock, 100 + random.next() * 900);
    const victim = controllers[Math.floor(random.next() * controllers.length)];
    await victim?.kill();
    // Sometimes long enough for the other one to take over, sometimes not.
    await sleep(systemClock, random.next() < 0.3 ? 2500 : random.next() * 200);
    await victim?.begin();
    if (n % 10 === 0) say(`${n} of ${kills} kills`);
  }
}

async function prepare(api: string): Promise<void> {
  const edgectl = (args: readonly string[], input?: string) =>
    runCommand(
      join(ROOT, 'bin/edgectl'),
      ['--addr', api, 'controller', ...args],
      input === undefined ? {} : { input },
    );
  await eventually('the agents are ready', async () => {
    const { stdout } = await edgectl(['ShowCloudletInfo']);
    return stdout.split('CloudletStateReady').length > SITES.length;
  });
  const made = await edgectl(['create', '-f', '-'], SETUP);
  if (made.code !== 0) throw new Error(made.stderr);
}

/** What the agents have, against what is stored. */
async function agentFaults(api: string, stored: readonly string[]): Promise<string[]> {
  const client = connect(AppInstInfoApiClient, api);
  try {
    const reported = async () => {
      const keys: string[] = [];
      const all = callStream(client, 'showAppInstInfo', AppInstInfo.fromPartial({}), { deadlineMs: 10_000 });
      for await (const info of all) keys.push(OBJECTS.AppInst.keyJson(OBJECTS.AppInstInfo.key(info)));
      return keys.sort();
    };
    const wanted = [...stored].sort();
    const equal = async () => JSON.stringify(await reported()) === JSON.stringify(wanted);
    await eventually('the agents have what is stored', equal, 20_000).catch(() => undefined);
    const found = await reported();
    return [
      ...found.filter((key) => !wanted.includes(key)).map((key) => `an agent has what is not stored: ${key}`),
      ...wanted.filter((key) => !found.includes(key)).map((key) => `no agent has ${key}`),
    ];
  } finally {
    client.close();
  }
}

async function takenOver(dir: string): Promise<number> {
  const found = await runCommand('grep', ['-rhc', '--include=*.log', '"msg":"Operation taken over"', dir]);
  return found.stdout.split('\n').reduce((sum, line) => sum + Number(line || 0), 0);
}
