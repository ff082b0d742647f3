import type { MicroVMClient } from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import {
  NetworkInterface_IfaceType as IfaceType,
  type MicroVM,
  type NetworkInterface,
  MicroVMStatus_MicroVMState as State,
} from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { callUnary } from '@edgeplane/rpc';
import { shortHash } from '../../host-names.js';
import {
  encodedMetadata,
  type MicrovmHost,
  type MicrovmRequest,
  reasonOf,
  type SeenMicrovm,
} from './host.js';
import { HostLink, unlessMissing } from './host-link.js';

/** Hosts of ours know by it that a create is one that they have carried out already; others do not look at it. */
const REQUEST_LABEL = 'edgeplane.io/request-id';

/** A host of flintlock 0.1.0 or later. */
export class CurrentHost extends HostLink<MicroVMClient> implements MicrovmHost {
  async create(request: MicrovmRequest, signal: AbortSignal): Promise<SeenMicrovm> {
    const message = { microvm: this.#spec(request), metadata: {} };
    const { microvm } = await callUnary(this.client, 'createMicroVm', message, await this.control(signal));
    return seen(microvm);
  }

  async get(uid: string, signal: AbortSignal): Promise<SeenMicrovm | undefined> {
    const request = { uid };
    const call = callUnary(this.client, 'getMicroVm', request, await this.control(signal));
    const found = await unlessMissing(call);
    return found?.microvm && seen(found.microvm);
  }

  async list(signal: AbortSignal): Promise<readonly SeenMicrovm[]> {
    const request = { namespace: this.namespace };
    const { microvm } = await callUnary(this.client, 'listMicroVMs', request, await this.control(signal));
    return microvm.filter(({ spec }) => spec?.namespace === this.namespace).map(seen);
  }

  async named(name: string, signal: AbortSignal): Promise<readonly SeenMicrovm[]> {
    return (await this.list(signal)).filter((microvm) => microvm.name === name);
  }

  async delete(uid: string, signal: AbortSignal): Promise<void> {
    const request = { uid };
    await unlessMissing(callUnary(this.client, 'deleteMicroVm', request, await this.control(signal)));
  }

  #spec({ plan, boot, ...rest }: MicrovmRequest) {
    const { kernel, initrd } = boot;
    const request = shortHash(JSON.stringify([plan, rest.address]));
    return {
      ...{ id: plan.name, namespace: this.namespace, labels: { ...plan.labels, [REQUEST_LABEL]: request } },
      ...{ vcpu: plan.vcpu, memoryInMb: plan.memoryMb, metadata: encodedMetadata(plan) },
      kernel: {
        image: kernel.image,
        cmdline: { ...kernel.cmdline },
        filename: kernel.filename,
        addNetworkConfig: true,
      },
      ...(initrd && { initrd: { image: initrd.image, filename: initrd.filename } }),
      rootVolume: {
        ...{ id: 'root', isReadOnly: false, source: { containerSource: plan.image } },
        ...(plan.diskMb > 0 && { sizeInMb: plan.diskMb }),
      },
      additionalVolumes: [],
      interfaces: [interfaceOf({ plan, ...rest })],
      ...{ createdAt: undefined, updatedAt: undefined, deletedAt: undefined, allowGuestAgent: false },
    };
  }
}

/** Not eth0: that is the way to the metadata, which the host puts before it. */
function interfaceOf({ plan, network, address }: Omit<MicrovmRequest, 'boot'>): NetworkInterface {
  return {
    deviceId: 'eth1',
    type: IfaceType.TAP,
    guestMac: plan.mac,
    ...(network &&
      address !== '' && {
        address: {
          address: `${address}/${network.prefix}`,
          // Hosts take it with a prefix only.
          ...(network.gateway !== '' && { gateway: `${network.gateway}/${network.prefix}` }),
          nameservers: [...network.nameServers],
        },
      }),
    // A host may not survive overrides that override nothing.
    ...(network && network.bridge !== '' && { overrides: { bridgeName: network.bridge } }),
  };
}

const STATES: ReadonlyMap<State, SeenMicrovm['state']> = new Map([
  [State.PENDING, 'pending'],
  [State.CREATED, 'created'],
  [State.FAILED, 'failed'],
  [State.DELETING, 'deleting'],
]);

function seen(microvm: MicroVM | undefined): SeenMicrovm {
  const { spec, status } = microvm ?? {};
  const state = STATES.get(status?.state ?? State.PENDING) ?? 'pending';
  const reason = reasonOf(state === 'failed', status?.failureReason ?? '', status?.retry ?? 0);
  return { uid: spec?.uid ?? '', name: spec?.id ?? '', state, reason };
}
