import { OBJECTS } from '@edgeplane/objects';
import { AppInstApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import { withController } from './controller-setup.js';
import { type Bench, durationFigure, type Figure, median } from './figures.js';
import { type BareReader, bareReader, type StreamTimes } from './raw-client.js';
import { RAW_STREAM_PATH, startRawStream } from './raw-stream.js';
import { appInstRows, fill, INSTANCES_PER_APP, storedAppInst, storedAppKey } from './stored-data.js';

const TYPE = OBJECTS.AppInst;
const PATH = AppInstApiService.showAppInst.path;
const ROUNDS = 25;
const SMALL_ROUNDS = 200;

const EVERYTHING = TYPE.toWire(TYPE.empty());
const byKey = (i: number) => TYPE.toWire(TYPE.withKey(TYPE.key(storedAppInst(i))));
const byApp = (i: number) =>
  TYPE.toWire(TYPE.withKey({ appKey: storedAppKey(i), clusterInstKey: undefined }));

/** Medians of several reads; @throws Error when a read brings another number of messages. */
async function medians(rounds: number, expected: number, read: (i: number) => Promise<StreamTimes>) {
  const times: StreamTimes[] = [];
  for (let i = 0; i < rounds; i++) {
    const time = await read(i);
    if (time.messages !== expected) throw new Error(`${time.messages} messages instead of ${expected}`);
    times.push(time);
  }
  return { first: median(times.map((t) => t.first)), last: median(times.map((t) => t.last)) };
}

/** Show of everything, by key and by an indexed field, beside bare grpc-js streams of as many messages. */
const show: Bench = {
  group: 'controller',
  name: 'ShowAppInst of all, by key and by indexed field',
  run: ({ shown }) =>
    withController(
      async ({ api }) => {
        const reader = bareReader(api);
        const size = TYPE.toWire(storedAppInst(shown - 1)).length;
        const same = await Promise.all([1, INSTANCES_PER_APP, shown].map((n) => startRawStream(n, size)));
        const [one, some, all] = same.map(({ address }) => bareReader(address));
        const place = (i: number) => (i * 7919) % shown;
        const bare = (raw: BareReader | undefined, rounds: number, n: number) =>
          medians(
            rounds,
            n,
            () => raw?.read(RAW_STREAM_PATH, Buffer.alloc(0)) ?? Promise.reject(new Error()),
          );
        try {
          const rawAll = await bare(all, ROUNDS, shown);
          const rawOne = await bare(one, SMALL_ROUNDS, 1);
          const rawSome = await bare(some, SMALL_ROUNDS, INSTANCES_PER_APP);
          const ours = await medians(ROUNDS, shown, () => reader.read(PATH, EVERYTHING));
          const key = await medians(SMALL_ROUNDS, 1, (i) => reader.read(PATH, byKey(place(i))));
          const index = await medians(SMALL_ROUNDS, INSTANCES_PER_APP, (i) =>
            reader.read(PATH, byApp(place(i))),
          );
          const figures: Figure[] = [
            durationFigure('controller.show-all-first', ours.first, rawAll.first, null, 1.2),
            durationFigure('controller.show-all-last', ours.last, rawAll.last, null, 55),
            durationFigure('controller.show-by-key', key.last, rawOne.last, null, 1),
            durationFigure('controller.show-by-index', index.last, rawSome.last, null, 1),
          ];
          return figures;
        } finally {
          reader.close();
          for (const raw of [one, some, all]) raw?.close();
          for (const server of same) await server.stop();
        }
      },
      (etcd) => fill(etcd.url, appInstRows(shown)),
    ),
};

export const showBenches: readonly Bench[] = [show];
