import type { MicroVMClient } from '@edgeplane/proto/southbound/flintlock-2021/services/microvm/v1alpha1/microvms.js';
import {
  NetworkInterface_IfaceType as IfaceType,
  type MicroVM,
  MicroVMStatus_MicroVMState as State,
} from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import { callUnary } from '@edgeplane/rpc';
import {
  cmdlineText,
  encodedMetadata,
  type MicrovmHost,
  type MicrovmRequest,
  reasonOf,
  type SeenMicrovm,
} from './host.js';
import { HostLink, unlessMissing } from './host-link.js';

/** A host of flintlock as it was in 2021. A microVM is known by its namespace and its id; there is one of each. */
export class Host2021 extends HostLink<MicroVMClient> implements MicrovmHost {
  async create(request: MicrovmRequest, signal: AbortSignal): Promise<SeenMicrovm> {
    const message = { microvm: this.#spec(request), metadata: {} };
    await callUnary(this.client, 'createMicroVm', message, await this.control(signal));
    const { name } = request.plan;
    return { uid: name, name, state: 'pending', reason: '' };
  }

  async get(uid: string, signal: AbortSignal): Promise<SeenMicrovm | undefined> {
    const request = { id: uid, namespace: this.namespace };
    const call = callUnary(this.client, 'getMicroVm', request, await this.control(signal));
    const found = await unlessMissing(call);
    return found?.microvm && seen(found.microvm);
  }

  /** Hosts give those of other namespaces too. */
  async list(signal: AbortSignal): Promise<readonly SeenMicrovm[]> {
    const request = { namespace: this.namespace };
    const { microvm } = await callUnary(this.client, 'listMicroVMs', request, await this.control(signal));
    return microvm.filter(({ spec }) => spec?.namespace === this.namespace).map(seen);
  }

  /** Not from the list, in which one of another namespace may stand in its place. */
  async named(name: string, signal: AbortSignal): Promise<readonly SeenMicrovm[]> {
    const found = await this.get(name, signal);
    return found ? [found] : [];
  }

  async delete(uid: string, signal: AbortSignal): Promise<void> {
    const request = { id: uid, namespace: this.namespace };
    await unlessMissing(callUnary(this.client, 'deleteMicroVm', request, await this.control(signal)));
  }

  #spec({ plan, boot, network, address }: MicrovmRequest) {
    const { kernel, initrd } = boot;
    return {
      ...{ id: plan.name, namespace: this.namespace, labels: { ...plan.labels } },
      ...{ vcpu: plan.vcpu, memoryInMb: plan.memoryMb, metadata: encodedMetadata(plan) },
      kernel: {
        ...{ image: kernel.image, cmdline: cmdlineText(kernel.cmdline), filename: kernel.filename },
        addNetworkConfig: true,
      },
      ...(initrd && { initrd: { image: initrd.image, filename: initrd.filename } }),
      volumes: [
        {
          ...{ id: 'root', isRoot: true, isReadOnly: false, mountPoint: '/' },
          source: { containerSource: plan.image },
          ...(plan.diskMb > 0 && { sizeInMb: plan.diskMb }),
        },
      ],
      // Metadata comes by the first interface that may ask for them; there is no word for a gateway.
      interfaces: [
        { guestDeviceName: 'eth0', type: IfaceType.TAP, allowMetadataReq: true },
        {
          ...{ guestDeviceName: 'eth1', type: IfaceType.TAP, allowMetadataReq: false, guestMac: plan.mac },
          ...(network && address !== '' && { address: `${address}/${network.prefix}` }),
        },
      ],
      ...{ createdAt: undefined, updatedAt: undefined, deletedAt: undefined },
    };
  }
}

const STATES: ReadonlyMap<State, SeenMicrovm['state']> = new Map([
  [State.PENDING, 'pending'],
  [State.CREATED, 'created'],
  [State.FAILED, 'failed'],
]);

function seen({ spec, status }: MicroVM): SeenMicrovm {
  const name = spec?.id ?? '';
  // Later ones say what this dialect has no word for.
  const state = STATES.get(status?.state ?? State.PENDING) ?? 'deleting';
  const reason = reasonOf(state === 'failed', status?.failureReason ?? '', status?.retry ?? 0);
  return { uid: name, name, state, reason };
}
