import type { AgentsMethods, AgentsOptions, Connected } from './agents-program.js';
import { type Child, startChild } from './child.js';
import type { RawMethods } from './raw-program.js';
import type { ServerMethods, ServerOptions } from './server-program.js';

/** What the agents of most benches want. */
export const WANTS = ['edgeproto.Flavor', 'edgeproto.Cloudlet', 'edgeproto.App', 'edgeproto.AppInst'];
/** Agents of one process: less than a server takes of one address, while connections that were cut linger. */
const PER_PROCESS = 2500;

export type Server = Child<ServerMethods>;
export type Raw = Child<RawMethods>;

/** Many agents, in as many processes as they need. */
export interface Fleet {
  add(options: AgentsOptions): Promise<Connected>;
  cut(): Promise<void>;
  again(address: string, forget: boolean): Promise<Connected>;
  recovered(): Promise<Connected>;
  /** Does something, and resolves with when each of `agents` had got `changes`. */
  whenChanged<T>(
    agents: number,
    changes: number,
    work: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly at: readonly number[] }>;
  /** The same for a change that concerns one agent of all. */
  whenChangedOnce<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly at: number }>;
  stop(): Promise<void>;
}

export function startFleet(): Fleet {
  const children: { readonly child: Child<AgentsMethods>; count: number }[] = [];
  const each = <T>(call: (child: Child<AgentsMethods>) => Promise<T>) =>
    Promise.all(children.map(({ child }) => call(child)));
  return {
    async add(options) {
      const work: Promise<Connected>[] = [];
      for (let at = 0; at < options.count; ) {
        const last = children.at(-1);
        const into =
          last && last.count < PER_PROCESS
            ? last
            : { child: startChild<AgentsMethods>('agents-program'), count: 0 };
        if (into !== last) children.push(into);
        const count = Math.min(PER_PROCESS - into.count, options.count - at);
        const { firstCloudlet: first } = options;
        const part = { ...options, count, ...(first !== undefined && { firstCloudlet: first + at }) };
        work.push(into.child.call('add', part));
        into.count += count;
        at += count;
      }
      return joined(await Promise.all(work));
    },
    async cut() {
      await each((child) => child.call('cut', undefined as never));
    },
    again: async (address, forget) => joined(await each((child) => child.call('again', { address, forget }))),
    recovered: async () => joined(await each((child) => child.call('recovered', undefined as never))),
    async whenChanged(agents, changes, work) {
      const shares = children.map(({ count }) => Math.min(count, agents));
      await Promise.all(
        children.map(({ child }, i) => child.call('expect', { agents: shares[i] ?? 0, changes })),
      );
      const [result, ...at] = await Promise.all([
        work(),
        ...children.map(({ child }) => child.call('arrivals', undefined as never)),
      ]);
      return { result, at: at.flat() };
    },
    async whenChangedOnce(work) {
      await each((child) => child.call('expect', { agents: 1, changes: 1 }));
      const came = Promise.race(children.map(({ child }) => child.call('arrivals', undefined as never)));
      const [result, [at = Number.NaN]] = await Promise.all([work(), came]);
      return { result, at };
    },
    async stop() {
      await Promise.all(children.map(({ child }) => child.stop()));
    },
  };
}

function joined(parts: readonly Connected[]): Connected {
  const sum = (of: (part: Connected) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    began: Math.min(...parts.map(({ began }) => began)),
    at: parts.flatMap(({ at }) => at),
    up: sum(({ up }) => up),
    down: sum(({ down }) => down),
    roundTrips: Math.max(...parts.map(({ roundTrips }) => roundTrips)),
  };
}

/** From the first agent that connected to the last that was in step, milliseconds. */
export function took({ began, at }: Connected): number {
  return Math.max(...at) - began;
}

/** Runs `work` with a notify server and agents for it, each in processes of their own. */
export async function withServer<T>(
  options: ServerOptions,
  work: (server: Server, address: string, fleet: Fleet) => Promise<T>,
): Promise<T> {
  const server = startChild<ServerMethods>('server-program');
  const fleet = startFleet();
  try {
    return await work(server, await server.call('start', options), fleet);
  } finally {
    await fleet.stop();
    await server.stop();
  }
}

/** The same with a bare server, which sends `count` messages of `size` bytes to each that connects. */
export async function withRaw<T>(
  first: { readonly count: number; readonly size: number },
  work: (raw: Raw, address: string, fleet: Fleet) => Promise<T>,
): Promise<T> {
  const raw = startChild<RawMethods>('raw-program');
  const fleet = startFleet();
  try {
    return await work(raw, await raw.call('start', first), fleet);
  } finally {
    await fleet.stop();
    await raw.stop();
  }
}

/** Adds agents with bare streams, and waits until the server has them all. */
export async function addRaw(raw: Raw, address: string, fleet: Fleet, count: number): Promise<void> {
  await fleet.add({ address, count, version: 0, wants: [] });
  while ((await raw.call('streams', undefined as never)) < count)
    await new Promise((resolve) => setTimeout(resolve, 10));
}
