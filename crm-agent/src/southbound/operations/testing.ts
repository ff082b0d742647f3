import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, silentLogger, systemClock } from '@edgeplane/base';
import { RpcServer } from '@edgeplane/rpc';
import { listCommandLines } from '../../engines/process/index.js';
import { testDoorContext } from '../testing.js';
import type { OperationRecord } from '../work/index.js';
import { OperationsDoor } from './door.js';
import type { Progress } from './services/messages.js';

/** A file system of its own takes root and loop devices. */
export const CAN_MOUNT = process.getuid?.() === 0 && existsSync('/dev/loop-control');

const SERVICE = '/operations.v1.OperationsService/';
const EXTENSION = '/edgeplane.operations.v1.OperationsExt/';

/** An operator's program whose host is files in its folder; while the file `hold` is there, a create waits. */
const PROGRAM = `#!/bin/sh
set -eu
cat > /dev/null
case "$1" in
create)
  echo '{"progress": 300, "message": "booting"}'
  while [ -e hold ]; do sleep 0.02; done
  [ -e up ] || echo created >> history
  touch up ;;
destroy)
  [ ! -e up ] || echo destroyed >> history
  rm -f up ;;
esac
state=off
[ ! -e up ] || state=ready
echo "{\\"state\\": \\"$state\\", \\"running_instances\\": 0}"
`;

/** What the agent's process is between its start and its end, in this process: a clock that stops when it is killed. */
class LifeClock implements Clock {
  readonly #cancels = new Set<() => void>();
  #dead = false;

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(ms: number, fn: () => void): () => void {
    if (this.#dead) return () => undefined;
    const cancel = systemClock.after(ms, () => {
      this.#cancels.delete(cancel);
      fn();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  die(): void {
    this.#dead = true;
    for (const cancel of this.#cancels) cancel();
  }
}

export interface Life {
  /** All messages of a call, whichever service has it. Rejects when the process is killed meanwhile. */
  call<T = Progress>(method: string, request?: object): Promise<T[]>;
  stop(workloads?: 'keep' | 'stop'): Promise<void>;
}

/** What a killed process never tells. */
export class Killed extends Error {}

/** A site with an inventory, whose agent may be killed and started again. */
export class TestSite {
  readonly dir = mkdtempSync(join(tmpdir(), 'operations-'));
  readonly stateDir = join(this.dir, 'door');
  readonly inventory = join(this.dir, 'inventory.json');
  readonly program = join(this.dir, 'host.sh');

  constructor(inventory: object) {
    mkdirSync(this.stateDir);
    mkdirSync(this.path('backups'));
    writeFileSync(this.program, PROGRAM, { mode: 0o755 });
    writeFileSync(this.inventory, JSON.stringify(inventory));
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** What a program wrote into its folder. */
  hostFile(id: string, name: string): string {
    return readFileSync(join(this.stateDir, 'hypervisors', id, name), 'utf8');
  }

  /** Pids of the child agents that run. */
  async children(): Promise<readonly number[]> {
    const all = await listCommandLines();
    return all.filter(({ args }) => args.at(-1)?.startsWith(this.stateDir)).map(({ pid }) => pid);
  }

  /** @param dies whether the process is killed at this point of an operation */
  async live(dies: (record: OperationRecord) => boolean = () => false, strictStatus = false): Promise<Life> {
    const clock = new LifeClock();
    let killed = () => {};
    const death = new Promise<never>((_, reject) => {
      killed = () => reject(new Killed('killed'));
    });
    death.catch(() => undefined);
    let dead = false;
    const onStep = (record: OperationRecord) => {
      if (!dead && !dies(record)) return undefined;
      dead = true;
      clock.die();
      killed();
      return new Promise<void>(() => undefined);
    };
    const { stateDir } = this;
    const context = testDoorContext({ clock, stateDir });
    const door = new OperationsDoor(context, { inventory: this.inventory, strictStatus, onStep });
    const server = new RpcServer({ logger: silentLogger, name: 'test' });
    await Promise.race([door.start(new AbortController().signal), death]);
    door.addServices(server);
    return {
      async call<T>(method: string, request: object = {}) {
        const messages: T[] = [];
        const service = OWN.has(method) ? EXTENSION : SERVICE;
        const whole = { requestId: '', ...DEFAULTS[method], ...request };
        await Promise.race([server.call(service + method, whole, (m) => messages.push(m as T)), death]);
        return messages;
      },
      stop: (workloads = 'keep') => door.stop(workloads),
    };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const SIZE = { bytes: 0n, bytes64: 0n, poolId: '', dryRun: false };
const DEFAULTS: Readonly<Record<string, object>> = {
  DestroyHypervisor: { force: false, graceSeconds: 0 },
  DestroyHypervisors: { force: false, graceSeconds: 0 },
  ...{ ExpandStorage: SIZE, ShrinkStorage: SIZE },
  CreateBackup: { poolId: '', target: '', label: '' },
  RestoreBackup: { poolId: '' },
  DeleteBackup: { force: false },
  GetStoragePool: { poolId: '' },
  ListBackups: { poolId: '', target: '' },
  ListOperations: { kind: '', subject: '', underWay: false },
};
const OWN = new Set([
  ...['VerifyBackup', 'RestoreBackup', 'DeleteBackup', 'ListBackups', 'GetStoragePool'],
  ...['GetOperation', 'ListOperations', 'WatchOperation', 'CancelOperation'],
]);
