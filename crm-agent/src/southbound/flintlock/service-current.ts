import { fail } from '@edgeplane/base';
import {
  type CreateMicroVMRequest,
  type DeleteMicroVMRequest,
  type GetMicroVMRequest,
  ListMessage,
  type ListMicroVMsRequest,
  MicroVMService,
} from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import type { MicroVM } from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { encodedStream, type RpcServer, unary } from '@edgeplane/rpc';
import { currentOf, specOfCurrent } from './codec-current.js';
import { encoded } from './encoded.js';
import { flintlockErrors } from './errors.js';
import type { Microvms } from './microvms.js';

/** The service of the current dialect: what each call means, for gRPC and for the gateway. */
export class CurrentService {
  readonly #microvms: Microvms;

  constructor(microvms: Microvms) {
    this.#microvms = microvms;
  }

  addTo(server: RpcServer): void {
    server.addService(MicroVMService, {
      createMicroVm: unary((request) => this.create(request)),
      getMicroVm: unary((request) => this.get(request)),
      deleteMicroVm: unary((request) => this.delete(request)),
      listMicroVMs: unary((request) => this.list(request)),
      listMicroVMsStream: encodedStream((request) => encoded(ListMessage, this.messages(request))),
    });
  }

  async create({ microvm }: CreateMicroVMRequest): Promise<{ microvm: MicroVM }> {
    if (!microvm) throw fail(flintlockErrors.SPEC_REQUIRED);
    return { microvm: currentOf(await this.#microvms.create(specOfCurrent(microvm), 'current')) };
  }

  get({ uid }: GetMicroVMRequest): { microvm: MicroVM } {
    if (uid === '') throw fail(flintlockErrors.INVALID_REQUEST);
    const vm = this.#microvms.get(uid);
    if (!vm) throw fail(flintlockErrors.GET_NOT_FOUND, { uid });
    return { microvm: currentOf(vm) };
  }

  has(uid: string): boolean {
    return this.#microvms.get(uid) !== undefined;
  }

  /** Whether a namespace has any. */
  hasIn(namespace: string): boolean {
    return this.#microvms.list(namespace).length > 0;
  }

  async delete({ uid }: DeleteMicroVMRequest): Promise<Record<string, never>> {
    if (uid === '') throw fail(flintlockErrors.INVALID_REQUEST);
    if (!(await this.#microvms.delete(uid)))
      throw fail(flintlockErrors.DELETE_NOT_FOUND, { name: `//${uid}` });
    return {};
  }

  /** Empty members are no filter: clients send them all the time. */
  list({ namespace, name }: ListMicroVMsRequest): { microvm: MicroVM[] } {
    return { microvm: this.#microvms.list(namespace, name).map(currentOf) };
  }

  /** What there is now, made as it is asked for. */
  *messages({ namespace, name }: ListMicroVMsRequest): Iterable<ListMessage> {
    if (namespace === '') throw fail(flintlockErrors.INVALID_REQUEST);
    for (const vm of this.#microvms.list(namespace, name)) yield { microvm: currentOf(vm) };
  }
}
