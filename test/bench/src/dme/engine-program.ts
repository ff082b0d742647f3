/** A program of its own: a match engine, whose tables are filled here or by a controller. */

import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { silentLogger } from '@edgeplane/base';
import { AppTable, createDme, parseConfig } from '@edgeplane/dme';
import { OBJECTS } from '@edgeplane/objects';
import { answerParent, machineTime } from '../notify/child.js';
import { benchApp, benchInst, CARRIER, position } from './world.js';

export interface EngineOptions {
  /** For what it keeps. */
  readonly dir: string;
  /** Made here. */
  readonly instances: number;
  /** Of a controller; nobody is at the default, so that the tables stay as they are. */
  readonly notify?: string;
}

const NOBODY = '127.0.0.1:1';

function methods() {
  const table = new AppTable();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  return {
    /** The address. */
    async start({ dir, instances, notify = NOBODY }: EngineOptions): Promise<string> {
      if (instances > 0) table.putApp(benchApp());
      for (let i = 0; i < instances; i++) table.putInst(benchInst(i));
      const config = parseConfig([
        ...['--cloudletKey', OBJECTS.Cloudlet.keyJson({ operatorKey: { name: 'op' }, name: 'here' })],
        ...['--apiAddr', '127.0.0.1:0', '--httpAddr', '', '--metrics-addr', ''],
        // A busy machine is no overload.
        ...['--shed-lag', '0s'],
        ...['--notifyAddrs', notify, '--cookie-key-file', join(dir, 'keys.json')],
        ...['--state-dir', notify === NOBODY ? '' : join(dir, 'tables')],
      ]);
      const dme = createDme(config, { logger: silentLogger, table });
      delay.enable();
      await dme.start();
      return dme.addresses['api'] ?? '';
    },
    /** When so many instances are in the tables, by the machine's time, and how long calls had to wait at most until then, ms. */
    async filled(instances: number): Promise<{ readonly at: number; readonly longestMs: number }> {
      while (table.instanceCount < instances) await new Promise((resolve) => setTimeout(resolve, 5));
      return { at: machineTime(), longestMs: delay.max / 1e6 };
    },
    /** Processor time of one look for the nearest instance, from so many places, microseconds. */
    match(asks: number): number {
      const entry = table.app(OBJECTS.App.key(benchApp()));
      const places = Array.from({ length: asks }, (_, i) => position(5_000_000 + 7 * i));
      const look = () => {
        for (const place of places) entry?.nearest(CARRIER, place);
      };
      // Twice before, for the compiler.
      for (const _ of [1, 2]) look();
      const before = process.cpuUsage();
      look();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / asks;
    },
    collect() {
      globalThis.gc?.();
    },
  };
}

export type EngineMethods = ReturnType<typeof methods>;

answerParent(methods());
