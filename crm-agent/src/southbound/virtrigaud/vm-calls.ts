import { fail, KeyedTurns } from '@edgeplane/base';
import type * as rpc from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import type { RpcContext } from '@edgeplane/rpc';
import type { QemuEngine, VmSpec } from '../../engines/qemu/index.js';
import type { RoomToRemove } from '../../reserve.js';
import type { OperationRecord } from '../work/index.js';
import { checkCloneOf, readClone } from './clone-plan.js';
import { readCreate } from './create-plan.js';
import { readDesired } from './desired.js';
import { virtrigaudErrors } from './errors.js';
import type { ImageLibrary } from './image-library.js';
import type { Inventory, SeenVm } from './inventory.js';
import { differing } from './labels.js';
import { type CloneWork, type CreateWork, cloneKind, createKind } from './machine-work.js';
import { freeId, isId } from './names.js';
import type { Answer, Operations } from './operations.js';
import { DEFAULT_GRACE_MS, type PowerWork, requireTaken } from './power-work.js';
import { invalid, whole } from './values.js';

export interface VmCallTools {
  readonly engine: QemuEngine;
  readonly inventory: Inventory;
  readonly images: ImageLibrary;
  readonly operations: Operations;
  /** For what makes room. */
  readonly room: RoomToRemove;
  /** Names of the host's bridges. */
  readonly bridges: () => Promise<ReadonlySet<string>>;
}

/** A lane, and subject, of a machine's own. */
export const vmLane = (id: string) => `vm ${id}`;

const GRACE_MAX_S = 24 * 3600;

/** A machine that is there, or is being made by an operation. */
interface Begun {
  readonly id: string;
  readonly record: OperationRecord | undefined;
}

/** The calls that make, change and remove machines (spec of VirtRigaud, section 5). */
export class VmCalls {
  readonly #t: VmCallTools;
  /** Of two who want a name the second sees what the first began. */
  readonly #names = new KeyedTurns();

  constructor(tools: VmCallTools) {
    this.#t = tools;
  }

  /** The machine. @throws VM_NOT_FOUND */
  async require(id: string): Promise<SeenVm & { readonly spec: VmSpec }> {
    const vm = isId(id) ? await this.#t.inventory.get(id) : undefined;
    if (!vm) throw this.#absent(id);
    const { spec, reason = 'its record is broken' } = vm.status;
    if (!spec) throw fail(virtrigaudErrors.REFUSED, { reason: `VirtualMachine "${id}": ${reason}` });
    return { ...vm, spec };
  }

  /** One that is being made is not there yet, and will be. */
  #absent(id: string): Error {
    const making = isId(id) ? this.#t.operations.pending(vmLane(id)) : undefined;
    if (!making) return fail(virtrigaudErrors.VM_NOT_FOUND, { id });
    const reason = `VirtualMachine "${id}" is being made or removed by task ${making.id}`;
    return fail(virtrigaudErrors.BUSY, { reason });
  }

  async create(request: rpc.CreateRequest, context: RpcContext): Promise<rpc.CreateResponse> {
    const { operations, images, bridges } = this.#t;
    const plan = readCreate(request, await bridges());
    const { name, parts, image } = plan;
    const begun = await this.#names.run(name, async () => {
      const known = await this.#known(name, parts);
      if (known) return known;
      if (image.kind === 'path' || image.kind === 'template') await images.local(image);
      if (plan.class.machineVersion !== undefined) await this.#requireVersion(plan.class.machineVersion);
      const id = await this.#freeId(name);
      const work: CreateWork = { id, name, parts };
      const record = await operations.begin({
        kind: createKind(image.kind === 'url'),
        subject: vmLane(id),
        request: work,
        secret: plan,
      });
      return { id, record };
    });
    return { id: begun.id, task: await this.#taskOf(begun, context) };
  }

  async #taskOf({ record }: Begun, context: RpcContext): Promise<rpc.TaskRef | undefined> {
    return record && (await this.#t.operations.answer(record, context)).task;
  }

  async #requireVersion(version: string): Promise<void> {
    const known = await this.#t.engine.machineVersions();
    if (known.includes(version)) return;
    throw invalid('class_json.ExtraConfig["qemu.machineVersion"]', `one of ${known.join(', ')}`, version);
  }

  /** A machine of that name, made or in the making, when it is the one that is asked for. @throws VM_EXISTS when it is another */
  async #known(name: string, parts: Readonly<Record<string, string>>): Promise<Begun | undefined> {
    const { inventory, operations } = this.#t;
    const other = (have: Readonly<Record<string, string>>) => {
      const field = differing(parts, have);
      if (field !== undefined) throw fail(virtrigaudErrors.VM_EXISTS, { name, field });
    };
    const making = operations.making(name);
    if (making) {
      const work = making.request as unknown as CreateWork;
      other(work.parts);
      return { id: work.id, record: making };
    }
    const seen = inventory.named(name);
    const vm = seen && (await inventory.get(seen.id));
    // One that is to go is not the one that is asked for.
    if (!vm || operations.pending(vmLane(vm.id), ({ kind }) => kind === 'delete')) return undefined;
    other(vm.parts);
    return { id: vm.id, record: undefined };
  }

  async #freeId(name: string): Promise<string> {
    const { engine, inventory, operations } = this.#t;
    const kept = new Set(await engine.clones.keptIds());
    const there = new Set(inventory.all().map(({ id }) => id));
    return freeId(
      name,
      (id) => kept.has(id) || there.has(id) || operations.pending(vmLane(id)) !== undefined,
    );
  }

  async clone(request: rpc.CloneRequest, context: RpcContext): Promise<rpc.CloneResponse> {
    const { operations } = this.#t;
    const plan = readClone(request);
    const { name, parts } = plan;
    const begun = await this.#names.run(name, async () => {
      const known = await this.#known(name, parts);
      if (known) return known;
      const source = await this.require(request.sourceVmId);
      checkCloneOf(plan, source.spec);
      const id = await this.#freeId(name);
      const work: CloneWork = { id, name, parts, source: source.id, linked: request.linked };
      const record = await operations.begin({
        kind: cloneKind(request.linked),
        subject: vmLane(id),
        request: work,
        secret: plan,
      });
      return { id, record };
    });
    return { targetVmId: begun.id, task: await this.#taskOf(begun, context) };
  }

  /** A machine that is not there is gone, as it was to be. */
  async delete({ id }: rpc.DeleteRequest, context: RpcContext): Promise<rpc.TaskResponse> {
    const { inventory, operations } = this.#t;
    if (id === '') throw invalid('id', 'given', id);
    if (!isId(id)) return { task: undefined };
    if (!operations.pending(vmLane(id)) && !(await inventory.get(id))) return { task: undefined };
    // Neither an image that is still fetched nor a guest that takes its time is waited for.
    await operations.cancel(vmLane(id), ({ kind }) => kind !== 'delete');
    const wanted = { kind: 'delete', subject: vmLane(id), request: { id } };
    return this.#task(await this.#t.room.spend(() => operations.done(wanted, context)));
  }

  async power(request: rpc.PowerRequest, context: RpcContext): Promise<rpc.TaskResponse> {
    const { operations } = this.#t;
    const op = OPS[request.op];
    if (!op) throw invalid('op', 'one of ON, OFF, REBOOT, SHUTDOWN_GRACEFUL', request.op);
    const seconds = whole('graceful_timeout_seconds', request.gracefulTimeoutSeconds, 0, GRACE_MAX_S);
    const vm = await this.require(request.id);
    const { state, paused } = vm.status;
    const isOn = state === 'running' && !paused;
    const isThere = op === 'on' ? isOn : (op === 'off' || op === 'shutdown') && state !== 'running';
    if (isThere && !operations.pending(vmLane(vm.id))) return { task: undefined };
    if (op === 'off') await operations.cancel(vmLane(vm.id), isGentle);
    const work: PowerWork = { id: vm.id, op, graceMs: seconds === 0 ? DEFAULT_GRACE_MS : seconds * 1000 };
    return this.#task(
      await operations.done({ kind: 'power', subject: vmLane(vm.id), request: work }, context),
    );
  }

  async reconfigure(request: rpc.ReconfigureRequest, context: RpcContext): Promise<rpc.TaskResponse> {
    const { operations } = this.#t;
    await this.#requireSettled(request.id, context);
    const { id, spec, rootMib, needsRestart } = await this.require(request.id);
    const { change, disks } = readDesired(request.desiredJson, { id, spec, rootMib });
    if (Object.keys(change).length === 0 && Object.keys(disks).length === 0) {
      // What is kept for a restart is told again, until it has come.
      if (needsRestart) requireTaken(id, await this.#t.engine.resources.get(id));
      return { task: undefined };
    }
    const wanted = { kind: 'reconfigure', subject: vmLane(id), request: { id, change, disks } };
    return this.#task(await operations.done(wanted, context));
  }

  /** What a machine is to have is known when what was asked before is done; how that ended, its own caller hears. */
  async #requireSettled(id: string, context: RpcContext): Promise<void> {
    const { operations } = this.#t;
    const pending = () => operations.pending(vmLane(id), ({ kind }) => kind === 'reconfigure');
    const before = pending();
    if (before) await operations.answer(before, context).catch(() => undefined);
    const busy = pending();
    if (!busy) return;
    throw fail(virtrigaudErrors.BUSY, {
      reason: `VirtualMachine "${id}" is being changed by task ${busy.id}`,
    });
  }

  async upgrade(request: rpc.HardwareUpgradeRequest, context: RpcContext): Promise<rpc.TaskResponse> {
    const { operations, engine } = this.#t;
    const { id, status, spec } = await this.require(request.id);
    const target = whole('target_version', request.targetVersion, 10, 9999);
    const version = `${Math.floor(target / 10)}.${target % 10}`;
    const known = await engine.machineVersions();
    if (!known.includes(version)) {
      const numbers = known.map((one) => one.replace('.', '')).join(', ');
      throw invalid('target_version', `one of ${numbers}`, target);
    }
    if (spec.machineVersion === version) return { task: undefined };
    if (status.state === 'running')
      throw fail(virtrigaudErrors.REFUSED, { reason: `VirtualMachine "${id}" runs; stop it first` });
    const wanted = { kind: 'upgrade', subject: vmLane(id), request: { id, version } };
    return this.#task(await operations.done(wanted, context));
  }

  #task({ task }: Answer): rpc.TaskResponse {
    return { task };
  }
}

/** It waits for a guest, which whoever cuts the power does not want to. */
function isGentle({ kind, request }: OperationRecord): boolean {
  return kind === 'power' && (request as unknown as PowerWork).op !== 'on';
}

const OPS: Readonly<Record<number, PowerWork['op']>> = { 1: 'on', 2: 'off', 3: 'reboot', 4: 'shutdown' };
