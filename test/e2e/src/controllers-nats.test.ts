// test: timeout=180s
/** Three controllers on one etcd and one NATS, one of them killed: questions stay bounded, events come once and in order. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, silentLogger, systemClock } from '@edgeplane/base';
import { type BusMessage, NatsBus } from '@edgeplane/bus';
import {
  eventually,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startController,
  startEtcd,
  startNats,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLUSTER_ARGS, INSTANCE_ARGS, prepareSite } from './site.js';

interface State {
  readonly type: string;
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly revision: number;
}

const api = (controller: Running) => controller.addresses['api'] ?? '';

function edgectl(controller: Running, ...args: string[]) {
  const command = join(ROOT, 'bin/edgectl');
  return runCommand(command, ['--addr', api(controller), '--output-format', 'json', 'controller', ...args]);
}

/** Reads state events with a NATS client of its own, and again from where it was after `restart`. */
class Reader {
  readonly states: State[] = [];
  gaps = 0;
  #position: string | undefined;
  #stop = new AbortController();
  #reading: Promise<void>;
  readonly #bus: NatsBus;

  constructor(url: string) {
    this.#bus = new NatsBus({
      ...{ urls: [url], name: 'reader', publisher: 'reader', prefix: 'edgeplane.1' },
      ...{ topics: ['state', 'audit'], clock: systemClock, random: seededRandom(1), logger: silentLogger },
    });
    this.#reading = this.#read();
  }

  async restart(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
    this.#stop = new AbortController();
    this.#reading = this.#read();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
    await this.#bus.close();
  }

  async #read(): Promise<void> {
    const from = this.#position === undefined ? 'oldest' : { after: this.#position };
    for await (const message of this.#bus.subscribe('state.>', { from, signal: this.#stop.signal })) {
      this.#position = message.position;
      if (message.kind === 'gap') this.gaps += 1;
      if (message.kind === 'event') this.states.push(stateOf(message));
    }
  }
}

function stateOf(message: BusMessage & { kind: 'event' }): State {
  return (JSON.parse(Buffer.from(message.data).toString()) as { state: State }).state;
}

/** Follows events by edgectl until a text appears. */
async function follows(controller: Running, subject: string, text: string): Promise<void> {
  const args = [
    '--addr',
    api(controller),
    'controller',
    'ShowEvents',
    '--subject',
    subject,
    '--from',
    'oldest',
  ];
  const child = spawn(join(ROOT, 'bin/edgectl'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  try {
    await eventually(`edgectl shows ${text}`, () => said.replaceAll('\\', '').includes(text));
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** Every object's steps hang together, and none comes twice. */
function verify(states: readonly State[]): void {
  const last = new Map<string, State>();
  for (const state of states) {
    const name = `${state.type} ${state.key}`;
    const before = last.get(name);
    if (before) {
      assert.is(state.from, before.to, `${name}: ${JSON.stringify([before, state])}`);
      assert.ok(state.revision > before.revision, name);
    }
    last.set(name, state);
  }
}

test('ShowNode and events of three controllers, one of them killed', async () => {
  const dir = tempDir('nats-controllers');
  for (const name of ['etcd', 'nats']) mkdirSync(join(dir.path, name), { recursive: true });
  const etcd = await startEtcd({ dir: join(dir.path, 'etcd') });
  const nats = await startNats({ dir: join(dir.path, 'nats') });
  const reader = new Reader(nats.url);
  const started = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      startController(dir.path, `etcd:${etcd.url}`, ['--nats-urls', nats.url], `controller-${name}`),
    ),
  );
  // Turns go by address: the one that is killed is the one that tells first.
  const [first, second, third] = started.sort((x, y) => (api(x) < api(y) ? -1 : 1));
  if (!first || !second || !third) throw new Error('three controllers are expected');
  const agent = await startAgent(
    dir.path,
    third.addresses['notify'] ?? '',
    { operator: 'op', name: 'site' },
    [...['--platform', 'fakecloudlet']],
  );
  const log = (controller: Running) => readFileSync(join(dir.path, `${controller.name}.log`), 'utf8');
  const has = (type: string, to: string) => () => reader.states.some((s) => s.type === type && s.to === to);
  try {
    await eventually('all are on the bus', () => started.every((c) => log(c).includes('Bus connected')));
    await prepareSite(api(second));
    const made = await edgectl(second, 'CreateClusterInst', ...CLUSTER_ARGS);
    assert.is(made.code, 0, made.stderr);
    await eventually('told', has('ClusterInst', 'Ready'));
    const shown = await edgectl(second, 'ShowNode');
    assert.match(shown.stdout, 'NodeCrm');
    assert.not.match(log(second), 'does not answer');

    first.kill('SIGKILL');
    await first.exited;
    const began = systemClock.monotonic();
    const bounded = await edgectl(second, 'ShowNode');
    assert.match(bounded.stdout, 'NodeCrm');
    assert.match(log(second), 'A controller does not answer');
    assert.ok(systemClock.monotonic() - began < 20_000, 'bounded by the deadline of 3 s');

    const instance = await edgectl(second, 'CreateAppInst', ...INSTANCE_ARGS);
    assert.is(instance.code, 0, instance.stderr);
    await eventually('told by the others', has('AppInst', 'Ready'));
    await reader.restart();
    for (const [call, args] of [
      ['DeleteAppInst', INSTANCE_ARGS],
      ['DeleteClusterInst', CLUSTER_ARGS],
    ] as const) {
      const gone = await edgectl(second, call, ...args);
      assert.is(gone.code, 0, gone.stderr);
    }
    await eventually('told by the others', has('ClusterInst', 'NotPresent'));

    await nats.kill();
    await eventually('noticed', () => log(second).includes('Bus not available'));
    const direct = await edgectl(second, 'ShowNode');
    assert.match(direct.stdout, 'NodeCrm', 'directly, without a bus');
    const flavor = ['--key-name', 'f', '--ram', '1', '--vcpus', '1', '--disk', '1'];
    assert.is(
      (await edgectl(second, 'CreateFlavor', ...flavor)).code,
      0,
      'a controller goes on without its bus',
    );
    await nats.restart();
    await eventually('the killed one is gone', has('Controller', 'Absent'), 60_000);
    verify(reader.states);
    assert.is(reader.gaps, 0);
    await follows(third, 'audit.start.CreateFlavor', '"name":"f"');
  } finally {
    await agent.stop();
    for (const controller of started) await controller.stop();
    await reader.close();
    await nats.stop();
    await etcd.stop();
    dir.remove();
  }
});

test.run();
