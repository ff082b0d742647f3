import { type Clock, fail, KeyedTurns } from '@edgeplane/base';
import type * as rpc from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import type { RpcContext } from '@edgeplane/rpc';
import type { QemuEngine } from '../../engines/qemu/index.js';
import type { RoomToRemove } from '../../reserve.js';
import type { OperationRecord } from '../work/index.js';
import { virtrigaudErrors } from './errors.js';
import { freeId, snapshotName } from './names.js';
import type { Operations } from './operations.js';
import type { SnapshotWork } from './snapshot-work.js';
import { invalid } from './values.js';
import { type VmCalls, vmLane } from './vm-calls.js';

export interface SnapshotCallTools {
  readonly engine: QemuEngine;
  readonly operations: Operations;
  readonly vms: VmCalls;
  readonly clock: Clock;
  readonly room: RoomToRemove;
}

/** A caller that did not hear of its snapshot asks again within the deadline of that call. */
const RETRY_MS = 5 * 60_000;
const DESCRIPTION_MAX = 4096;

/** The calls about snapshots (spec of VirtRigaud, section 5). */
export class SnapshotCalls {
  readonly #t: SnapshotCallTools;
  readonly #turns = new KeyedTurns();

  constructor(tools: SnapshotCallTools) {
    this.#t = tools;
  }

  async create(request: rpc.SnapshotCreateRequest, context: RpcContext): Promise<rpc.SnapshotCreateResponse> {
    const { operations, vms, clock } = this.#t;
    const { nameHint: hint, includeMemory: memory, description } = request;
    if (description.length > DESCRIPTION_MAX)
      throw invalid('description', `at most ${DESCRIPTION_MAX} characters`, description.length);
    const wished = snapshotName(hint, clock.now());
    const { id, status } = await vms.require(request.vmId);
    const work = { id, name: wished, hint, memory, description };
    const begun = await this.#turns.run(id, () => this.#begin(work, status.state === 'running'));
    if ('taken' in begun) return { snapshotId: begun.taken, task: undefined };
    const { name } = begun.request as unknown as SnapshotWork;
    return { snapshotId: name, task: (await operations.answer(begun, context)).task };
  }

  /** The operation that takes it, or the name of one that was taken for the same caller a moment ago. */
  async #begin(work: SnapshotWork, running: boolean): Promise<OperationRecord | { readonly taken: string }> {
    const { engine, operations, clock } = this.#t;
    const { id, name: wished, hint, memory, description } = work;
    const lane = vmLane(id);
    const asked = { hint, memory, description };
    const underWay = operations.pending(lane, ({ kind, request: work }) => {
      const { hint, memory, description } = work as unknown as SnapshotWork;
      return kind === 'snapshot' && JSON.stringify({ hint, memory, description }) === JSON.stringify(asked);
    });
    if (underWay) return underWay;
    const taken = await engine.snapshots.list(id);
    const there = taken.find(({ name }) => name === wished);
    if (hint !== '' && there) {
      const same = there.memory === memory && (there.description ?? '') === description;
      if (same && clock.now() - there.createdAt < RETRY_MS) return { taken: wished };
      throw fail(virtrigaudErrors.SNAPSHOT_EXISTS, { id, name: wished });
    }
    const isOff = !running && !operations.pending(lane, ({ kind }) => kind === 'power');
    if (memory && isOff) throw fail(virtrigaudErrors.MEMORY_NEEDS_POWER, { id });
    const name = freeId(wished, (one) => taken.some((snapshot) => snapshot.name === one));
    return operations.begin({ kind: 'snapshot', subject: lane, request: { ...work, name } });
  }

  /** One that is not there is gone, as it was to be. */
  async delete(request: rpc.SnapshotDeleteRequest, context: RpcContext): Promise<rpc.TaskResponse> {
    const { operations, vms } = this.#t;
    const { id } = await vms.require(request.vmId);
    const name = request.snapshotId;
    if (name === '') throw invalid('snapshot_id', 'given', name);
    if (!(await this.#isThere(id, name))) return { task: undefined };
    const wanted = { kind: 'snapshot-delete', subject: vmLane(id), request: { id, name } };
    return { task: (await this.#t.room.spend(() => operations.done(wanted, context))).task };
  }

  async revert(request: rpc.SnapshotRevertRequest, context: RpcContext): Promise<rpc.TaskResponse> {
    const { operations, vms } = this.#t;
    const { id } = await vms.require(request.vmId);
    const name = request.snapshotId;
    if (name === '') throw invalid('snapshot_id', 'given', name);
    if (!(await this.#isThere(id, name))) throw fail(virtrigaudErrors.SNAPSHOT_NOT_FOUND, { id, name });
    const wanted = { kind: 'snapshot-revert', subject: vmLane(id), request: { id, name } };
    return { task: (await operations.done(wanted, context)).task };
  }

  /** Taken, or about to be. */
  async #isThere(id: string, name: string): Promise<boolean> {
    const { engine, operations } = this.#t;
    const coming = operations.pending(vmLane(id), ({ kind, request }) => {
      return kind === 'snapshot' && (request as unknown as SnapshotWork).name === name;
    });
    return (
      coming !== undefined || (await engine.snapshots.list(id)).some((snapshot) => snapshot.name === name)
    );
  }
}
