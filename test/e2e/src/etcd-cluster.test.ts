// test: timeout=240s
/** Two controllers on an etcd of three members whose leader is killed again and again: what is answered is true. */
import { type Flavor, FlavorApiClient } from '@edgeplane/proto/edgeproto/flavor.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { EtcdStore } from '@edgeplane/store';
import {
  type EtcdCluster,
  eventually,
  type Running,
  startController,
  startEtcdCluster,
  tempDir,
} from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Context {
  dir: ReturnType<typeof tempDir>;
  etcd: EtcdCluster;
  controllers: Running[];
}

const cluster = suite<Context>('etcd cluster');

cluster.before(async (context) => {
  context.dir = tempDir('etcd-cluster');
  context.etcd = await startEtcdCluster(context.dir.path);
  const spec = `etcd:${context.etcd.urls}`;
  context.controllers = await Promise.all(
    ['one', 'two'].map((name) => startController(context.dir.path, spec, [], name)),
  );
});
cluster.after(async ({ controllers, etcd, dir }) => {
  for (const controller of controllers) await controller.stop();
  await etcd.stop();
  dir.remove();
});

const flavor = (name: string, ram: bigint): Flavor => ({
  fields: [],
  key: { name },
  ram,
  vcpus: 1n,
  disk: 1n,
  devices: [],
});

/** Creates and deletes Flavors of its own until stopped, and remembers what was answered. */
class Client {
  readonly #client: FlavorApiClient;
  readonly #name: string;
  #stopped = false;
  #n = 0;
  /** Name to RAM of what must be there. */
  readonly there = new Map<string, bigint>();
  readonly errors: string[] = [];
  calls = 0;

  constructor(address: string, name: string) {
    this.#client = connect(FlavorApiClient, address);
    this.#name = name;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      this.#n += 1;
      const name = `${this.#name}-${this.#n}`;
      const made = await this.#call('createFlavor', flavor(name, BigInt(this.#n)));
      if (made && this.#n % 3 === 0) {
        if (await this.#call('deleteFlavor', flavor(name, 0n))) continue;
      }
      if (made) this.there.set(name, BigInt(this.#n));
    }
    this.#client.close();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #call(method: 'createFlavor' | 'deleteFlavor', request: Flavor): Promise<boolean> {
    try {
      await callUnary(this.#client, method, request, { deadlineMs: 60_000 });
      this.calls += 1;
      return true;
    } catch (error) {
      this.errors.push(`${method} ${request.key?.name}: ${(error as Error).message}`);
      return false;
    }
  }
}

cluster(
  'the leader is killed three times under load: no call fails, nothing is lost',
  async ({ etcd, controllers }) => {
    const clients = controllers.flatMap(({ addresses }, c) =>
      [1, 2, 3, 4].map((i) => new Client(addresses['api'] ?? '', `f${c}${i}`)),
    );
    const running = Promise.all(clients.map((client) => client.run()));
    const calls = () => clients.reduce((sum, client) => sum + client.calls, 0);
    for (let round = 0; round < 3; round++) {
      const before = calls();
      await eventually('calls go on', () => calls() >= before + 100);
      const leader = await etcd.leader();
      await leader.kill('SIGKILL');
      const after = calls();
      await eventually('calls go on without the old leader', () => calls() >= after + 100);
      await leader.restart();
    }
    for (const client of clients) client.stop();
    await running;
    assert.equal(
      clients.flatMap((client) => client.errors),
      [],
    );
    const wanted = new Map(clients.flatMap((client) => [...client.there]));
    const store = new EtcdStore(etcd.urls.split(','));
    const stored = (await store.list('1/Flavor/')).entries.map(
      ({ value }) => JSON.parse(value) as { key: { name: string }; ram: number },
    );
    assert.equal(new Map(stored.map(({ key, ram }) => [key.name, BigInt(ram)])), wanted);
    for (const { addresses } of controllers) {
      const client = connect(FlavorApiClient, addresses['api'] ?? '');
      await eventually('each controller shows all of it', async () => {
        let shown = 0;
        for await (const _ of callStream(client, 'showFlavor', flavor('', 0n))) shown += 1;
        return shown === wanted.size;
      });
      client.close();
    }
    await store.close();
  },
);

cluster.run();
