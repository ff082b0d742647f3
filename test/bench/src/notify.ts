import { deferred, silentLogger } from '@edgeplane/base';
import { NotifyClient, NotifyServer, ObjectTable, type Receiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { type Bench, durationFigure, median } from './figures.js';
import { rawPeer, startRawServer } from './raw-grpc.js';

const ROUNDS = 15;

/** Calls back once when `n` peers have said so. */
function barrier(n: number) {
  let left = n;
  const done = deferred();
  return { promise: done.promise, arrive: () => --left === 0 && done.resolve() };
}

/** One flavor changes; until all clients have it, milliseconds. */
async function ourFanOut(clients: number): Promise<number> {
  const { Flavor } = OBJECTS;
  const flavors = new ObjectTable(Flavor);
  const server = new NotifyServer({
    sources: [flavors as never],
    receivers: [],
    messageReceivers: [],
    logger: silentLogger,
  });
  const address = await server.listen('127.0.0.1:0');
  let arrivals = barrier(clients);
  const receiver: Receiver = {
    type: Flavor as never,
    onUpdate: () => {
      arrivals.arrive();
    },
    onDelete: () => undefined,
  };
  const peers = Array.from(
    { length: clients },
    () =>
      new NotifyClient({
        addrs: [address],
        filterCloudletKey: false,
        sources: [],
        receivers: [receiver],
        messageReceivers: [],
        logger: silentLogger,
      }),
  );
  try {
    // The first object tells that a client listens; it comes with the initial send, whenever that is.
    flavors.put({ ...Flavor.withKey({ name: 'f' }), ram: 1n, vcpus: 1n, disk: 1n });
    for (const peer of peers) await peer.start();
    await arrivals.promise;
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      arrivals = barrier(clients);
      const started = performance.now();
      flavors.put({ ...Flavor.withKey({ name: 'f' }), ram: BigInt(round + 2), vcpus: 1n, disk: 1n });
      await arrivals.promise;
      times.push(performance.now() - started);
    }
    return median(times);
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
    await server.stop();
  }
}

/** The same with bare streams and a message of the same size. */
async function rawFanOut(clients: number): Promise<number> {
  const { Flavor } = OBJECTS;
  const size = Flavor.toWire({ ...Flavor.withKey({ name: 'f' }), ram: 9n, vcpus: 1n, disk: 1n }).length + 48;
  const message = Buffer.alloc(size, 1);
  const server = await startRawServer();
  let arrivals = barrier(clients);
  const peers = Array.from({ length: clients }, () => rawPeer(server.address));
  try {
    for (const peer of peers) peer.watch(() => arrivals.arrive());
    while (server.streams.size < clients) await new Promise((resolve) => setImmediate(resolve));
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      arrivals = barrier(clients);
      const started = performance.now();
      for (const stream of server.streams) stream.write(message);
      await arrivals.promise;
      times.push(performance.now() - started);
    }
    return median(times);
  } finally {
    for (const peer of peers) peer.close();
    server.stop();
  }
}

export const notifyBenches: readonly Bench[] = [1, 100, 1000].map((clients) => ({
  group: 'notify',
  name: `one change to ${clients} clients`,
  async run() {
    const raw = await rawFanOut(clients);
    const ours = await ourFanOut(clients);
    return [durationFigure(`notify.change-to-${clients}`, ours, raw, null)];
  },
}));
