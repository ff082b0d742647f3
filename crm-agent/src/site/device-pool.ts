import { fail } from '@edgeplane/base';
import { agentErrors } from '../errors.js';
import type { HostDevice } from './devices.js';

/** A GPU has one user at a time; the kernel shares the others. */
const EXCLUSIVE = new Set(['gpu']);

/** Devices of a host and who has them. */
export class DevicePool {
  readonly #devices: readonly HostDevice[];
  /** Names of devices by instance. */
  readonly #held = new Map<string, readonly string[]>();

  constructor(devices: readonly HostDevice[]) {
    this.#devices = devices.filter(({ count, nodes }) => count > 0n && nodes.length > 0);
  }

  /** Notes what an earlier run has given out. */
  adopt(instance: string, names: readonly string[]): void {
    if (names.length > 0) this.#held.set(instance, names);
  }

  /**
   * A device for each of the kinds, which may repeat: those that the instance has, as far as they do, and others that are
   * free. @throws NO_DEVICE naming the kind, and how many there are and are free; then it has what it had
   */
  take(instance: string, flavor: string, kinds: readonly string[]): readonly HostDevice[] {
    const own = this.#held.get(instance) ?? [];
    const others = new Set([...this.#held].flatMap(([who, names]) => (who === instance ? [] : names)));
    const taken: HostDevice[] = [];
    for (const kind of kinds) {
      const all = this.#devices.filter((device) => device.kind === kind);
      const free = all.filter((d) => !EXCLUSIVE.has(kind) || !(others.has(d.name) || taken.includes(d)));
      const device = free.find(({ name }) => own.includes(name)) ?? free[0];
      if (!device) {
        const wanted = kinds.filter((k) => k === kind).length;
        const have =
          all.length === 0 ? 'has none' : `has ${all.length}, ${all.length - usedOf(all, others)} free`;
        throw fail(agentErrors.NO_DEVICE, { flavor, kind, wanted, have });
      }
      taken.push(device);
    }
    this.adopt(
      instance,
      taken.map(({ name }) => name),
    );
    if (taken.length === 0) this.#held.delete(instance);
    return taken;
  }

  release(instance: string): void {
    this.#held.delete(instance);
  }
}

function usedOf(devices: readonly HostDevice[], names: ReadonlySet<string>): number {
  return devices.filter(({ name }) => names.has(name)).length;
}
