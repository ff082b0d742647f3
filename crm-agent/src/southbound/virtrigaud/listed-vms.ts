import type { VMInfo } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import type { SeenVm } from './inventory.js';
import { vmInfo } from './views.js';

/** Machines as lists show them, each made once for what was seen last of it: managers ask for all of them all the time. */
export class ListedVms {
  readonly #infos = new WeakMap<SeenVm, VMInfo>();

  of(vms: readonly SeenVm[]): VMInfo[] {
    return vms.map((vm) => {
      const known = this.#infos.get(vm);
      if (known) return known;
      const info = vmInfo(vm);
      this.#infos.set(vm, info);
      return info;
    });
  }
}
