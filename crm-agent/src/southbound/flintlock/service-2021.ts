import { fail } from '@edgeplane/base';
import {
  type CreateMicroVMRequest,
  type DeleteMicroVMRequest,
  type GetMicroVMRequest,
  ListMessage,
  type ListMicroVMsRequest,
  MicroVMService,
  type UpdateMicroVMRequest,
} from '@edgeplane/proto/southbound/flintlock-2021/services/microvm/v1alpha1/microvms.js';
import type { MicroVM, MicroVMSpec } from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import { encodedStream, type RpcServer, unary } from '@edgeplane/rpc';
import { oldOf, oldSpecOf, specOf2021 } from './codec-2021.js';
import { encoded } from './encoded.js';
import { flintlockErrors } from './errors.js';
import type { Microvms } from './microvms.js';
import type { Microvm, MicrovmSpec } from './model.js';
import { masked } from './update-mask.js';

/** The service of the dialect of 2021, where a microVM is known by namespace and id, and can be changed. */
export class Service2021 {
  readonly #microvms: Microvms;

  constructor(microvms: Microvms) {
    this.#microvms = microvms;
  }

  addTo(server: RpcServer): void {
    server.addService(MicroVMService, {
      createMicroVm: unary((request) => this.create(request)),
      updateMicroVm: unary((request) => this.update(request)),
      getMicroVm: unary((request) => this.get(request)),
      deleteMicroVm: unary((request) => this.delete(request)),
      listMicroVMs: unary((request) => this.list(request)),
      listMicroVMsStream: encodedStream((request) => encoded(ListMessage, this.messages(request))),
    });
  }

  async create({ microvm }: CreateMicroVMRequest): Promise<{ microvm: MicroVMSpec }> {
    if (!microvm) throw fail(flintlockErrors.SPEC_REQUIRED);
    return { microvm: oldSpecOf(await this.#microvms.create(specOf2021(microvm), '2021')) };
  }

  /** Members that the mask names are taken over; without one, all that callers set. */
  async update({ microvm, updateMask }: UpdateMicroVMRequest): Promise<{ microvm: MicroVMSpec }> {
    const doing = 'updating microvm';
    const { namespace, id } = requireName(microvm ?? { namespace: '', id: '' }, doing);
    const vm = this.#microvms.named(namespace, id);
    if (!microvm || !vm) throw fail(flintlockErrors.UPDATE_NOT_FOUND, { name: `${namespace}/${id}` });
    const change = (spec: MicrovmSpec) => changed({ ...vm, spec }, microvm, updateMask ?? []);
    return { microvm: oldSpecOf(await this.#microvms.update(vm.uid, change, '2021')) };
  }

  get(request: GetMicroVMRequest): { microvm: MicroVM } {
    const { namespace, id } = requireName(request, 'getting microvm');
    const vm = this.#microvms.named(namespace, id);
    if (!vm) throw fail(flintlockErrors.GET_NOT_FOUND_2021, { namespace, id });
    return { microvm: oldOf(vm) };
  }

  async delete(request: DeleteMicroVMRequest): Promise<Record<string, never>> {
    const { namespace, id } = requireName(request, 'deleting microvm');
    const vm = this.#microvms.named(namespace, id);
    if (!vm || !(await this.#microvms.delete(vm.uid)))
      throw fail(flintlockErrors.DELETE_NOT_FOUND, { name: `${namespace}/${id}` });
    return {};
  }

  list({ namespace }: ListMicroVMsRequest): { microvm: MicroVM[] } {
    return { microvm: this.#listed(namespace).map(oldOf) };
  }

  /** What there is now, and the end. */
  *messages({ namespace }: ListMicroVMsRequest): Iterable<ListMessage> {
    for (const vm of this.#listed(namespace)) yield { microvm: oldSpecOf(vm) };
  }

  #listed(namespace: string): readonly Microvm[] {
    if (namespace === '') throw fail(flintlockErrors.NAMESPACE_REQUIRED);
    return this.#microvms.list(namespace);
  }
}

type Name = { readonly namespace: string; readonly id: string };

function requireName({ namespace, id }: Name, doing: string): Name {
  if (id === '') throw fail(flintlockErrors.PART_REQUIRED, { doing, part: 'id' });
  if (namespace === '') throw fail(flintlockErrors.PART_REQUIRED, { doing, part: 'namespace' });
  return { namespace, id };
}

/** Members that this dialect says less of than there is: where it says the same as before, all of it stays. */
const RICHER = ['kernel', 'initrd', 'volumes', 'interfaces'] as const;

function changed(vm: Microvm, wanted: MicroVMSpec, paths: readonly string[]): MicrovmSpec {
  const present = oldSpecOf(vm);
  const wire = masked(present, wanted, paths);
  const spec = specOf2021(wire);
  const same = RICHER.filter((name) => JSON.stringify(wire[name]) === JSON.stringify(present[name]));
  const kept = Object.fromEntries(same.map((name) => [name, vm.spec[name]])) as Partial<MicrovmSpec>;
  const { provider, allowGuestAgent } = vm.spec;
  return { ...spec, ...kept, provider, allowGuestAgent };
}
