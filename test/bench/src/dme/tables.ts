import { tempDir } from '@edgeplane/test-harness';
import { type Bench, type Figure, upperFigure } from '../figures.js';
import { machineTime, startChild } from '../notify/child.js';
import { usageOf } from '../notify/usage.js';
import type { ControllerMethods } from './controller-program.js';
import type { EngineMethods } from './engine-program.js';

const MORE_HEAP = '--max-old-space-size=4096';
/** A search may take so long, microseconds. */
const SMALL_LIMIT = 20;
const LARGE_LIMIT = 100;
const LARGE = 1_000_000;

/** The nearest of many, in the process that has them, beside the nearest of ten. */
export const matchBench: Bench = {
  group: 'dme',
  name: 'the nearest of many in process',
  async run({ offered, asks }) {
    const figures: Figure[] = [];
    let least = Number.NaN;
    for (const instances of offered) {
      const dir = tempDir('dme');
      const engine = startChild<EngineMethods>('../dme/engine-program', [MORE_HEAP]);
      try {
        await engine.call('start', { dir: dir.path, instances });
        const cpu = Math.max(await engine.call('match', asks), 0.001);
        if (Number.isNaN(least)) least = cpu;
        const limit = instances < LARGE ? SMALL_LIMIT : LARGE_LIMIT;
        figures.push(upperFigure(`dme.match-among-${instances}`, 'us', cpu, least, null, limit));
      } finally {
        await engine.stop();
        dir.remove();
      }
    }
    return figures;
  },
};

/** From a match engine's start, of which its controller is there, until it has everything. */
export const loadBench: Bench = {
  group: 'dme',
  name: 'the tables of a match engine are filled by its controller',
  async run({ loaded: instances }) {
    const dir = tempDir('dme');
    const controller = startChild<ControllerMethods>('../dme/controller-program', [MORE_HEAP]);
    const engine = startChild<EngineMethods>('../dme/engine-program', [MORE_HEAP, '--expose-gc']);
    try {
      const notify = await controller.call('start', { instances });
      const decodeMs = await controller.call('decode', undefined as never);
      const bytes = await controller.call('bytesEach', undefined as never);
      const before = usageOf(engine.pid);
      const began = machineTime();
      await engine.call('start', { dir: dir.path, instances: 0, notify });
      const { at, longestMs } = await engine.call('filled', instances);
      await engine.call('collect', undefined as never);
      const after = usageOf(engine.pid);
      const each = ((after.residentMb - before.residentMb) * 1024 * 1024) / instances;
      return [
        upperFigure(`dme.load-${instances}`, 'ms', at - began, decodeMs, null, 5000),
        upperFigure(`dme.load-${instances}-cpu`, 'ms', after.cpuMs - before.cpuMs, decodeMs, null),
        upperFigure(`dme.load-${instances}-longest-wait`, 'ms', longestMs, decodeMs, null),
        upperFigure('dme.memory-each', 'B', each, bytes, null),
      ];
    } finally {
      await Promise.all([engine.stop(), controller.stop()]);
      dir.remove();
    }
  },
};
