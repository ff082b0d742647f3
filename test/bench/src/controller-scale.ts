import { residentMegabytes, withController } from './controller-setup.js';
import { type Bench, durationFigure, type Figure, memoryFigure } from './figures.js';
import { rawEtcd } from './raw-etcd.js';
import { startRawStream } from './raw-stream.js';
import { fill, mixedRows } from './stored-data.js';

/** From the launch of a controller to its being ready, beside a bare reading of the same range. */
const start: Bench = {
  group: 'controller',
  name: 'start with a full etcd',
  run: ({ started }) =>
    withController(
      async ({ etcd, startMs }) => {
        const raw = rawEtcd(etcd.url);
        const began = performance.now();
        const count = await raw.range('1/', '10');
        const bare = performance.now() - began;
        raw.close();
        if (count < started) throw new Error(`${count} entries instead of ${started}`);
        return [durationFigure('controller.start', startMs, bare, null, 10_000)];
      },
      ({ url }) => fill(url, mixedRows(started)),
    ),
};

/** Memory of a controller that has just loaded many objects, beside a bare grpc-js server's. */
const memory: Bench = {
  group: 'controller',
  name: 'memory with many objects',
  async run({ resident }) {
    const raw = await startRawStream(0, 0);
    const bare = residentMegabytes(raw.pid);
    await raw.stop();
    const empty = await withController(async ({ controller }) => residentMegabytes(controller.pid));
    const full = await withController(
      async ({ controller }) => residentMegabytes(controller.pid),
      ({ url }) => fill(url, mixedRows(resident)),
    );
    const figures: Figure[] = [
      memoryFigure('controller.memory-empty', empty, bare, null),
      memoryFigure('controller.memory-full', full, bare, null, 75),
    ];
    return figures;
  },
};

export const scaleBenches: readonly Bench[] = [start, memory];
