import { join } from 'node:path';
import { OperationsExtService } from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import type { RpcServer } from '@edgeplane/rpc';
import { HOST } from '../../site/host-paths.js';
import type { Door, DoorContext } from '../door.js';
import { isFinished, OperationLog, type OperationLogOptions } from '../work/index.js';
import { backupIdOf, Catalogue } from './backups/catalogue.js';
import type { Hypervisor } from './hypervisors/driver.js';
import { ExecHypervisor } from './hypervisors/exec-hypervisor.js';
import { readHostFacts } from './hypervisors/host-facts.js';
import { Inspector } from './hypervisors/inspector.js';
import { ProcessHypervisor } from './hypervisors/process-hypervisor.js';
import { type HypervisorEntry, type Inventory, type PoolEntry, readInventory } from './inventory.js';
import { DirPool } from './pools/dir-pool.js';
import { LoopPool } from './pools/loop-pool.js';
import type { Pool } from './pools/pool.js';
import { Pools } from './pools/pools.js';
import { extensionService } from './services/extension-service.js';
import { operationsService, WIDE_OPERATIONS_SERVICE } from './services/operations-service.js';
import { registerBackupWork } from './work/backup-work.js';
import { type Managed, registerHypervisorWork } from './work/hypervisor-work.js';
import { KINDS } from './work/kinds.js';
import { registerPoolWork } from './work/pool-work.js';
import { registerSeveralWork } from './work/several-work.js';

export interface OperationsSettings {
  /** File with the inventory; empty: there is nothing to work on. */
  readonly inventory: string;
  /** Say with a gRPC status what is wrong with a request, and not in the stream. */
  readonly strictStatus: boolean;
  /** For tests. */
  readonly onStep?: OperationLogOptions['onStep'];
}

/** IsardVDI's operations: hypervisors, storage pools and backups of this site. */
export class OperationsDoor implements Door {
  readonly name = 'operations';
  readonly #context: DoorContext;
  readonly #settings: OperationsSettings;
  #parts: Parts | undefined;

  constructor(context: DoorContext, settings: OperationsSettings) {
    this.#context = context;
    this.#settings = settings;
  }

  /** @throws INVENTORY_UNREADABLE, INVENTORY_INVALID, RECORD_BROKEN */
  async start(signal: AbortSignal): Promise<void> {
    const { inventory } = this.#settings;
    const known = inventory === '' ? NOTHING : await readInventory(inventory);
    const parts = makeParts(known, this.#context, this.#settings);
    this.#parts = parts;
    await parts.pools.start(signal);
    await parts.inspector.start();
    await parts.log.start();
    const underWay = parts.log.list().filter((record) => !isFinished(record));
    const backups = underWay.flatMap(({ id, kind, subject }) =>
      kind === KINDS.createBackup ? [backupIdOf(id)] : kind === KINDS.deleteBackup ? [subject] : [],
    );
    await parts.catalogue.sweep(new Set(backups));
    await parts.pools.sweep(new Set(underWay.map(({ id }) => id)), signal);
  }

  addServices(server: RpcServer): void {
    const { log, hypervisors, inspector, pools, catalogue } = this.#started();
    const begin = { log, clock: this.#context.clock, strictStatus: this.#settings.strictStatus };
    server.addService(
      WIDE_OPERATIONS_SERVICE,
      operationsService({ ...begin, hypervisors, inspector, pools, catalogue }),
    );
    server.addService(OperationsExtService, extensionService({ ...begin, pools, catalogue }));
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const parts = this.#parts;
    if (!parts) return;
    await parts.log.stop();
    await parts.inspector.stop();
    await Promise.all([...parts.hypervisors.values()].map(({ hypervisor }) => hypervisor.release(workloads)));
    await parts.pools.stop(workloads);
  }

  #started(): Parts {
    if (!this.#parts) throw new Error('the door has not been started');
    return this.#parts;
  }
}

interface Parts {
  readonly log: OperationLog;
  readonly hypervisors: ReadonlyMap<string, Managed>;
  readonly inspector: Inspector;
  readonly pools: Pools;
  readonly catalogue: Catalogue;
}

const NOTHING: Inventory = { hypervisors: [], pools: [], targets: [] };

function makeParts(inventory: Inventory, context: DoorContext, settings: OperationsSettings): Parts {
  const { stateDir, disk, clock, random, logger } = context;
  const pools = new Pools(
    inventory.pools.map((entry) => makePool(entry, context)),
    ...([clock, logger] as const),
  );
  const hypervisors = new Map<string, Managed>(
    inventory.hypervisors.map((entry) => [
      entry.id,
      { entry, hypervisor: makeHypervisor(entry, pools, context) },
    ]),
  );
  const inspector = new Inspector({
    hypervisors: new Map([...hypervisors].map(([id, { hypervisor }]) => [id, hypervisor])),
    ...{ dir: join(stateDir, 'facts'), disk, clock, logger },
  });
  const catalogue = new Catalogue(inventory.targets);
  const { onStep } = settings;
  const dir = join(stateDir, 'operations');
  const log = new OperationLog({ dir, disk, clock, random, logger, ...(onStep && { onStep }) });
  registerHypervisorWork(log, { hypervisors, clock, changed: (id) => inspector.refresh(id) });
  registerSeveralWork(log);
  registerPoolWork(log, pools);
  registerBackupWork(log, { pools, catalogue, clock });
  return { log, hypervisors, inspector, pools, catalogue };
}

function makePool({ id, headroom, settings }: PoolEntry, { stateDir, disk, logger }: DoorContext): Pool {
  const dir = join(stateDir, 'pools', id);
  return settings.driver === 'dir'
    ? new DirPool({ id, settings, headroom, dir, disk })
    : new LoopPool({ id, settings, headroom, dir, logger });
}

function makeHypervisor(
  { id, settings, createTimeoutMs, destroyTimeoutMs }: HypervisorEntry,
  pools: Pools,
  { stateDir, cloudletKeyJson, disk, clock }: DoorContext,
): Hypervisor {
  const dir = join(stateDir, 'hypervisors', id);
  if (settings.driver === 'exec') {
    const changeTimeoutMs = Math.max(createTimeoutMs, destroyTimeoutMs);
    return new ExecHypervisor({ id, settings, dir, changeTimeoutMs, disk, clock });
  }
  const facts = async () => readHostFacts(HOST, await pools.storageWorks());
  return new ProcessHypervisor({ id, settings, dir, cloudletKeyJson, facts, disk, clock });
}
