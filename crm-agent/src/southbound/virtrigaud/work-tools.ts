import type { Clock, Logger, Random } from '@edgeplane/base';
import type { QemuEngine } from '../../engines/qemu/index.js';
import type { Admission } from '../../site/admission.js';
import type { OperationRecord, RunContext, Runner, Success } from '../work/index.js';
import { managerError } from './codes.js';
import type { DiskCatalog } from './disk-catalog.js';
import type { Fetcher } from './fetcher.js';
import type { ForwardPorts } from './forwards.js';
import type { ImageLibrary } from './image-library.js';
import type { Inventory } from './inventory.js';
import type { LocationSettings } from './locations.js';
import type { NetGuard } from './net-guard.js';

/** What operations work with. */
export interface WorkTools {
  readonly engine: QemuEngine;
  readonly inventory: Inventory;
  readonly images: ImageLibrary;
  readonly fetcher: Fetcher;
  readonly guard: NetGuard;
  readonly admission: Admission;
  readonly ports: ForwardPorts;
  /** Of imported disks, and of prepared images. */
  readonly disks: DiskCatalog;
  readonly prepared: DiskCatalog;
  readonly locations: LocationSettings;
  /** Key of the cloudlet, JSON. */
  readonly cloudlet: string;
  /** Machines have a screen. */
  readonly display: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Operations on machines are short, or wait for a guest; those that copy and fetch take turns at the host's disks. */
export type Weight = 'short' | 'long';

/**
 * A runner that gets the request of its kind, whose machines are looked at again when it ends, well or badly, and whose
 * faults are those that managers understand.
 */
export function runnerOf<R extends { readonly id: string; readonly source?: string }>(
  tools: WorkTools,
  weight: Weight,
  run: (request: R, context: RunContext, record: OperationRecord) => Promise<Success>,
): Runner {
  return {
    takesWorker: weight === 'long',
    run: async (record, context) => {
      const request = record.request as unknown as R;
      try {
        return await run(request, context, record);
      } catch (error) {
        throw managerError(error);
      } finally {
        for (const id of [request.id, request.source ?? '']) if (id !== '') await tools.inventory.look(id);
      }
    },
  };
}
