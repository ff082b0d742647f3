import { fail, messageOf } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { convergeForwards } from './forwards.js';
import { attachBridges } from './host-network.js';
import { tapName } from './network-args.js';
import type { HostForward, Nic } from './network-spec.js';
import { checkSpec } from './spec.js';
import type { RunningVm, VmTable } from './vm-table.js';

/** What can be changed about the connections of a machine, whether it runs or not. */
export class VmNetwork {
  readonly #table: VmTable;

  constructor(table: VmTable) {
    this.#table = table;
  }

  /**
   * Makes `forwards` the ports of a user-mode NIC, at once when the machine runs, and for all its later starts.
   * Connections through a forward that stays go on. Nothing has changed when it throws.
   * @throws portInUse, nicNotFound, vmSpecInvalid, vmNotFound
   */
  async setForwards(id: string, forwards: readonly HostForward[], nicIndex = 0): Promise<void> {
    await this.#table.turn(id, async (dir) => {
      const record = await this.#table.record(dir);
      const nic = record.spec.nics[nicIndex];
      if (nic?.type !== 'user') throw fail(qemuErrors.nicNotFound, { id, index: nicIndex });
      const nics: Nic[] = record.spec.nics.with(nicIndex, { ...nic, forwards });
      const spec = { ...record.spec, nics };
      checkSpec(spec);
      const vm = await this.#table.running(id).catch(() => undefined);
      // The record first: whoever takes the machine up after a crash makes its forwards what the record says.
      await dir.writeRecord({ ...record, spec });
      await this.#table.context.onStep(id, 'forwards-recorded');
      if (!vm) return;
      await this.#table.withQmp(dir, vm.pid, async (qmp) => {
        try {
          await convergeForwards(id, qmp, nics);
        } catch (error) {
          await dir.writeRecord(record);
          await convergeForwards(id, qmp, record.spec.nics);
          throw error;
        }
      });
    });
  }

  /** Name of the host's tap device behind a bridge NIC, for rules of a firewall; it is there while the machine runs. */
  tapOf(id: string, nicIndex: number): string {
    return tapName(this.#table.root, id, nicIndex);
  }

  /** Completes what a crash may have left open on a machine that was taken up. Within its turn. */
  async settle({ dir, record, pid }: RunningVm): Promise<void> {
    const { nics } = record.spec;
    try {
      await attachBridges(this.#table.root, dir.id, nics);
      if (!nics.some((nic) => nic.type === 'user')) return;
      await this.#table.withQmp(dir, pid, (qmp) => convergeForwards(dir.id, qmp, nics));
    } catch (error) {
      const reason = messageOf(error);
      this.#table.context.logger.warn({ vm: dir.id, reason }, 'Network of a VM is not as it should be');
    }
  }
}
