import type { Disk } from '../disk.js';
import type { ClusterEngines } from '../drivers/vm-cluster/engines.js';

/** Told before each change to the host or the disk, and after it. */
export type OnChange = (what: string) => void;

/** The same object, whose named methods tell. */
function telling<T extends object>(
  part: T,
  name: string,
  methods: readonly (keyof T & string)[],
  told: OnChange,
): T {
  return new Proxy(part, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      const method = member.bind(target) as (...args: unknown[]) => unknown;
      if (!methods.includes(key as keyof T & string)) return method;
      return async (...args: unknown[]) => {
        const what = `${name}.${String(key)}`;
        told(what);
        const result = await method(...args);
        told(`${what}, done`);
        return result;
      };
    },
  });
}

/** Engines of this very host that tell of every change they make to it. */
export function toldEngines(engines: ClusterEngines, told: OnChange): ClusterEngines {
  return {
    networks: telling(engines.networks, 'networks', ['ensure', 'remove'], told),
    machines: telling(engines.machines, 'machines', ['create', 'start', 'stop', 'destroy'], told),
    images: engines.images,
    ports: telling(engines.ports, 'ports', ['set'], told),
    admission: engines.admission,
    connect: (target) =>
      telling(
        engines.connect(target),
        'node',
        ['loadImage', 'runContainer', 'playKube', 'remove', 'flush'],
        told,
      ),
  };
}

export const toldDisk = (disk: Disk, told: OnChange): Disk =>
  telling(disk, 'disk', ['write', 'remove'], told);
