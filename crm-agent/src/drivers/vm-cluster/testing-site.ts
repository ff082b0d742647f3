import { Readable } from 'node:stream';
import type { ClusterNetwork } from '../../engines/network/index.js';
import type { ContainerSpec, KubeSpec } from '../../engines/podman/index.js';
import type { VmSpec } from '../../engines/qemu/index.js';
import type { SshTarget } from '../../engines/ssh/index.js';
import { openFakeShell } from '../fake/fake-shell.js';
import type { InstancePort } from '../public-ports.js';
import type { ClusterEngines, MachineStatus, NodeLink } from './engines.js';

/** The disk of a machine as podman in it uses it. */
interface Machine {
  readonly spec: VmSpec;
  running: boolean;
  /** Answers, when it runs. */
  answers: boolean;
  /** Waits for room on the disk, and does not answer meanwhile. */
  waits: boolean;
  /** Nothing can be run any more. */
  damaged: boolean;
  readonly images: Set<string>;
  readonly workloads: Map<string, { readonly spec: ContainerSpec | KubeSpec; running: boolean }>;
}

/** Called before and after whatever changes something; may throw, as if the process had ended there. */
export type OnEffect = (what: string) => void;

const MISSING = 'localhost/no/such:1';

/** A host in memory, on which several drivers may work one after another. */
export class TestingSite {
  readonly networks = new Map<string, ClusterNetwork>();
  readonly machines = new Map<string, Machine>();
  readonly ports = new Map<string, readonly InstancePort[]>();

  /** What a whole, empty host does not have. */
  leftovers(): readonly string[] {
    return [...this.networks.keys(), ...this.machines.keys(), ...this.ports.keys()];
  }

  /** Ends a machine as a crash of QEMU does. */
  kill(id: string): void {
    const machine = this.machines.get(id);
    if (!machine) return;
    machine.running = false;
    for (const workload of machine.workloads.values()) workload.running = false;
  }

  /** Machine and workload behind every backend of an instance's first public port. */
  reached(
    instance: string,
  ): readonly { readonly machine: string; readonly spec: ContainerSpec | KubeSpec }[] {
    const [port] = this.ports.get(instance) ?? [];
    return (port?.backends ?? []).flatMap((backend) => {
      const found = [...this.machines].find(([, m]) => m.running && addressOf(m.spec) === backend.address);
      const serving = [...(found?.[1].workloads.values() ?? [])].find(
        (w) => w.running && w.spec.ports?.some(({ hostPort }) => hostPort === backend.port),
      );
      return found && serving ? [{ machine: found[0], spec: serving.spec }] : [];
    });
  }

  engines(onEffect: OnEffect = () => undefined): ClusterEngines {
    const effect = async <T>(what: string, change: () => T): Promise<T> => {
      // Everything real takes a while.
      await Promise.resolve();
      onEffect(what);
      const result = change();
      onEffect(`${what}, done`);
      return result;
    };
    return {
      networks: {
        unavailable: async () => undefined,
        bridgeName: (key) => `epn-${Buffer.from(key).length}`,
        chooseSubnet: async (others) => {
          for (let i = 0; ; i++) if (!others.includes(`10.240.${i}.0/24`)) return `10.240.${i}.0/24`;
        },
        ensure: (network) => effect('network', () => void this.networks.set(network.bridge, network)),
        remove: (bridge) => effect('no network', () => void this.networks.delete(bridge)),
        sweep: (known) =>
          effect('sweep', () => {
            for (const bridge of this.networks.keys()) if (!known.has(bridge)) this.networks.delete(bridge);
          }),
      },
      machines: this.#machines(effect),
      images: {
        hostImage: async (image) => {
          if (image === MISSING) throw new Error(`image "${image}" not found: looked for ${image}`);
          return { id: `id of ${image}`, archive: async () => Readable.from([image]) };
        },
      },
      ports: {
        set: (instance, ports) =>
          effect('ports', () => {
            if (ports.length > 0) this.ports.set(instance, ports);
            else this.ports.delete(instance);
          }),
        keepOnly: async (instances) => {
          for (const name of this.ports.keys()) if (!instances.has(name)) this.ports.delete(name);
        },
        of: () => [],
        stop: async () => undefined,
      },
      admission: { admit: (_need, work) => work() },
      connect: (target) => this.#link(target, effect),
    };
  }

  #machines(effect: <T>(what: string, change: () => T) => Promise<T>): ClusterEngines['machines'] {
    const status = (id: string): MachineStatus => {
      const machine = this.machines.get(id);
      if (!machine) return { id, state: 'missing' };
      const trouble = machine.waits ? { trouble: 'no room' } : {};
      return { id, state: machine.running ? 'running' : 'failed', spec: machine.spec, ...trouble };
    };
    const list = async () => [...this.machines.keys()].map(status);
    return {
      available: async () => ({ available: true, reason: '' }),
      recover: list,
      list,
      create: (spec) =>
        effect(`create ${spec.id}`, () => {
          const fresh = {
            spec,
            running: false,
            answers: true,
            waits: false,
            damaged: false,
            images: new Set<string>(),
            workloads: new Map(),
          };
          if (!this.machines.has(spec.id)) this.machines.set(spec.id, fresh);
          return status(spec.id);
        }),
      start: (id) =>
        effect(`start ${id}`, () => {
          const machine = this.machines.get(id);
          if (!machine) throw new Error(`no machine ${id}`);
          const [nic] = machine.spec.nics;
          if (nic?.type !== 'bridge' || !this.networks.has(nic.bridge))
            throw new Error(`no bridge for ${id}`);
          machine.running = true;
          return status(id);
        }),
      stop: (id) => effect(`stop ${id}`, () => this.kill(id)),
      destroy: (id) => effect(`destroy ${id}`, () => void this.machines.delete(id)),
      status: async (id) => status(id),
      consoleTail: async () => 'Booting',
      close: async () => undefined,
    };
  }

  #link(target: SshTarget, effect: <T>(what: string, change: () => T) => Promise<T>): NodeLink {
    const find = (): Machine => {
      const all = [...this.machines.values()].filter((m) => m.running && addressOf(m.spec) === target.host);
      if (all.length > 1) throw new Error(`two machines have address ${target.host}`);
      const [machine] = all;
      const known = machine?.spec.cloudInit?.userData?.includes(target.hostKey) ?? false;
      if (!machine?.answers || machine.waits || !known) throw new Error(`${target.host} does not answer`);
      return machine;
    };
    const run = (spec: ContainerSpec | KubeSpec) =>
      effect(`run ${spec.name}`, () => {
        const machine = find();
        if (machine.damaged) throw new Error(`${spec.name} does not start`);
        const images =
          'yaml' in spec ? [...spec.yaml.matchAll(/image: (.+)/g)].map((m) => m[1] ?? '') : [spec.image];
        for (const image of images) if (!machine.images.has(image)) throw new Error(`no image ${image}`);
        machine.workloads.set(spec.name, { spec, running: true });
        return { warnings: [] };
      });
    const figures = { cpuNanos: 1, memoryBytes: 1, memoryLimitBytes: 2, pids: 1 };
    return {
      silence: async () => {
        try {
          find();
          return undefined;
        } catch (error) {
          return String(error);
        }
      },
      loadImage: (id) => effect(`load ${id}`, () => void find().images.add(id)),
      runContainer: run,
      playKube: run,
      remove: (name) => effect(`remove ${name}`, () => void find().workloads.delete(name)),
      list: async () => [...find().workloads.keys()].map((name) => ({ name })),
      recover: async () => void find(),
      flush: async () => void find(),
      usage: async () => ({
        ...figures,
        blockReadBytes: 0,
        blockWriteBytes: 0,
        netInBytes: 0,
        netOutBytes: 0,
      }),
      diskBytes: async () => 1,
      containerNames: async (name) => (find().workloads.has(name) ? [`${name}-c`] : []),
      openShell: async (container, request, size) => openFakeShell(container, request, size),
      close: () => undefined,
    };
  }
}

function addressOf(spec: VmSpec): string {
  return /addresses:\s+- "([0-9.]+)\//.exec(spec.cloudInit?.networkConfig ?? '')?.[1] ?? '';
}
