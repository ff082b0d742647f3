/** A host of pods in memory, for tests; and lives of a door that end in the middle of a step. */
import { EdgeplaneError, fail } from '@edgeplane/base';
import type { Disk } from '../../disk.js';
import type { PodContainerSpec, SandboxSpec } from '../../engines/podman/index.js';
import { podmanErrors } from '../../engines/podman/index.js';
import type { OwnedHost } from './aurae-door.js';
import type { ContainerFacts, ImageWish, PodFacts } from './pod-host.js';

interface FakePod {
  up: boolean;
  readonly spec: SandboxSpec;
  readonly containers: Map<string, { spec: PodContainerSpec; facts: ContainerFacts }>;
}

/** What is there, whichever door looks at it. */
export class FakeMachine {
  readonly pods = new Map<string, FakePod>();
  readonly networks = new Set<string>();
  /** How programs of containers end at once, by the container's name; others run on. */
  readonly exits = new Map<string, number>();
  /** Images that cannot be had, with what the registry says. */
  readonly missing = new Map<string, string>();
  /** What probes by exec find, by the program. */
  readonly execs = new Map<string, number>();
  /** Images come when it resolves. */
  gate: Promise<void> = Promise.resolve();
  /** Every effect, in order. */
  readonly log: string[] = [];
  #ids = 0;

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  /** Ends every program, as a boot does. */
  reboot(): void {
    for (const pod of this.pods.values()) {
      pod.up = false;
      for (const [name, { spec, facts }] of pod.containers)
        pod.containers.set(name, { spec, facts: { ...facts, running: false, pid: 0 } });
    }
  }

  /** Names of running containers, `pod/container`. */
  running(): string[] {
    return [...this.pods]
      .flatMap(([pod, { containers }]) =>
        [...containers]
          .filter(([, c]) => c.facts.running)
          .map(([name]) => `${pod.replace(/-[0-9a-f]{12}$/, '')}/${name}`),
      )
      .sort();
  }
}

/** Counts what a life does, and ends it at one point: from then on nothing it asks for ever happens. */
export class Life {
  #at = 0;
  #end = Number.POSITIVE_INFINITY;
  #died: () => void = () => undefined;
  readonly death = new Promise<void>((resolve) => {
    this.#died = resolve;
  });

  /** Dies at the n-th point from now. */
  endAfter(points: number): void {
    this.#end = this.#at + points;
  }

  async point(): Promise<void> {
    this.#at += 1;
    if (this.#at < this.#end) return;
    this.#died();
    await new Promise(() => undefined);
  }

  /** Two points: before it is done, and before anybody knows. */
  async around<T>(work: () => Promise<T> | T): Promise<T> {
    await this.point();
    const result = await work();
    await this.point();
    return result;
  }

  disk(disk: Disk): Disk {
    return {
      ...disk,
      write: (path, text) => this.around(() => disk.write(path, text)),
      remove: (path) => this.around(() => disk.remove(path)),
    };
  }
}

export function fakeHost(machine: FakeMachine, life = new Life()): OwnedHost {
  const podOf = (name: string): FakePod => {
    const pod = machine.pods.get(name);
    if (pod) return pod;
    throw fail(podmanErrors.PODMAN_NOT_FOUND, { kind: 'pod', name });
  };
  const containerOf = (pod: string, name: string) => {
    const found = podOf(pod).containers.get(name);
    if (found) return found;
    throw fail(podmanErrors.PODMAN_NOT_FOUND, { kind: 'container', name });
  };
  const set = (pod: string, name: string, facts: Partial<ContainerFacts>) => {
    const { spec, facts: before } = containerOf(pod, name);
    podOf(pod).containers.set(name, { spec, facts: { ...before, ...facts } });
  };
  const effect = <T>(text: string, work: () => Promise<T> | T): Promise<T> =>
    life.around(() => {
      machine.log.push(text);
      return work();
    });
  return {
    offer: { limits: true, addresses: true },
    imageBytes: async () => 0,
    image: ({ image }: ImageWish) =>
      effect(`image ${image}`, async () => {
        await machine.gate;
        const reason = machine.missing.get(image);
        if (reason !== undefined) throw fail(podmanErrors.PODMAN_IMAGE_MISSING, { image, reason });
        return { id: image, digest: `sha256:${'0'.repeat(64)}` };
      }),
    ensureSandbox: (spec) =>
      effect('sandbox', () => {
        if (spec.network !== null) machine.networks.add(spec.network);
        const pod = machine.pods.get(spec.name);
        if (pod) pod.up = true;
        else machine.pods.set(spec.name, { up: true, spec, containers: new Map() });
      }),
    run: async (pod, spec) => {
      await effect(`create ${spec.name}`, () => {
        if (podOf(pod).containers.has(spec.name)) return;
        const facts = {
          ...{ id: `c${machine.nextId()}`, digest: '', running: false, pid: 0, exitCode: 0 },
          ...{ oomKilled: false, restarts: 0, startedMs: 0, finishedMs: 0, error: '' },
        };
        podOf(pod).containers.set(spec.name, { spec, facts });
      });
      const { name } = spec;
      await effect(`start ${name}`, () => {
        if (containerOf(pod, name).facts.running) return;
        const exitCode = machine.exits.get(name);
        const begun = { startedMs: 1000 + machine.nextId() };
        if (exitCode === undefined) set(pod, name, { ...begun, running: true, pid: process.pid });
        else set(pod, name, { ...begun, running: false, exitCode, finishedMs: begun.startedMs + 1 });
      });
    },
    ended: async (pod, name) => containerOf(pod, name).facts.exitCode,
    stop: (pod, name) =>
      effect(`stop ${name}`, () => {
        if (machine.pods.get(pod)?.containers.get(name)?.facts.running)
          set(pod, name, { running: false, pid: 0, exitCode: 0, finishedMs: 9000 });
      }),
    remove: (pod) => effect('remove', () => void machine.pods.delete(pod)),
    leaveNetwork: (name) =>
      effect('leave network', () => {
        const used = [...machine.pods.values()].some(({ spec }) => spec.network === name);
        if (!used) machine.networks.delete(name);
      }),
    facts: async (name): Promise<PodFacts | undefined> => {
      const pod = machine.pods.get(name);
      if (!pod) return undefined;
      const containers = new Map([...pod.containers].map(([key, { facts }]) => [key, facts] as const));
      return { up: pod.up, addresses: ['127.0.0.1'], containers };
    },
    names: async () => [...machine.pods.keys()],
    exec: async (_pod, _container, argv) => machine.execs.get(argv[0] ?? '') ?? 0,
    portHeldBy: async () => undefined,
    userOf: async () => ({ uid: 7, gid: 8 }),
    watchChanges: (_told, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    recover: async () => undefined,
    close: async () => undefined,
    programs: {
      logs: async function* (_pod, container) {
        yield { error: false, data: Buffer.from(`log of ${container}\n`) };
      },
      run: async () => {
        throw new EdgeplaneError(podmanErrors.PODMAN_FAILED, 'no programs here');
      },
      usage: async () => ({
        ...{ cpuNanos: 1, memoryBytes: 2, netInBytes: 3, netOutBytes: 4 },
        ...{ blockReadBytes: 5, blockWriteBytes: 6, pids: 7 },
      }),
    },
  };
}
