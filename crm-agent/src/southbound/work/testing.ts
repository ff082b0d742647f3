import { ManualClock, seededRandom, silentLogger } from '@edgeplane/base';
import { OperationLog, type OperationLogOptions, type Submission } from './operation-log.js';
import type { OperationDisk } from './record-files.js';

/** A disk in memory. Each mount is one life of a process, which may be killed at any of its writes. */
export class LifeDisk {
  readonly files = new Map<string, string>();

  /**
   * @param dieAt which write or removal of this life is the last, from 0; it is done or not, and whoever waits for it waits
   * for ever. @param fault what a write is refused with
   */
  mount(
    dieAt = Number.POSITIVE_INFINITY,
    lastIsDone = true,
    fault: () => Error | undefined = () => undefined,
  ): OperationDisk & Life {
    let left = dieAt;
    let dead = false;
    const change = async (apply: () => void) => {
      await Promise.resolve();
      if (dead) return never();
      const refused = fault();
      if (refused) throw refused;
      if (left > 0 || lastIsDone) apply();
      if (left > 0) left -= 1;
      else {
        dead = true;
        return never();
      }
    };
    return {
      isDead: () => dead,
      die: () => {
        dead = true;
      },
      list: async (dir) => {
        const inside = [...this.files].filter(([path]) => path.slice(0, path.lastIndexOf('/')) === dir);
        return inside.map(([, text]) => JSON.parse(text) as unknown);
      },
      read: async (path) => this.files.get(path),
      write: (path, text) => change(() => this.files.set(path, text)),
      remove: (path) => change(() => this.files.delete(path)),
    };
  }
}

/** One life of a process. */
export interface Life {
  isDead(): boolean;
  /** Ends it: nothing that waits for the disk goes on. */
  die(): void;
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** A log for tests, on a clock that stands still. */
export function testLog(disk: OperationDisk, over: Partial<OperationLogOptions> = {}): OperationLog {
  return new OperationLog({
    ...{ dir: '/work', disk, clock: new ManualClock(1_700_000_000_000), random: seededRandom(1) },
    ...{ logger: silentLogger, ...over },
  });
}

export function testSubmission(over: Partial<Submission> = {}): Submission {
  return { kind: 'make', subject: 'a', lanes: ['a'], request: { size: 1 }, owner: 'tester', ...over };
}
