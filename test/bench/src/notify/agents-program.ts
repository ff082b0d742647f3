/** A program of its own: many agents that cost the machine as little as can be. */
import { answerParent, machineTime } from './child.js';
import { type Agent, LightAgent } from './light-agent.js';
import { RawAgent } from './raw-agent.js';

export interface AgentsOptions {
  readonly address: string;
  readonly count: number;
  /** Version of the protocol; 0: bare streams. */
  readonly version: number;
  /** Full names. */
  readonly wants: readonly string[];
  /** Each agent has a cloudlet of its own, `site-<n>` with n from here on; undefined: all want everything. */
  readonly firstCloudlet?: number;
  /** Messages that come first over a bare stream. */
  readonly initial?: number;
  /** Agents connect again by themselves. */
  readonly insist?: boolean;
}

/** Of all agents, from the first that connected to the last that was in step. */
export interface Connected {
  readonly began: number;
  /** When each was in step, by the machine's time. */
  readonly at: readonly number[];
  /** Bytes on all connections. */
  readonly up: number;
  readonly down: number;
  /** The most of one. */
  readonly roundTrips: number;
}

/** Arrivals of changes at agents, as far as they are waited for. */
class Arrivals {
  #counts = new Map<number, number>();
  #wanted = { agents: 0, changes: 0 };
  #times: number[] = [];
  #done: ((times: readonly number[]) => void) | undefined;

  expect(agents: number, changes: number): void {
    this.#counts = new Map();
    this.#wanted = { agents, changes };
    this.#times = [];
  }

  wait(): Promise<readonly number[]> {
    if (this.#times.length >= this.#wanted.agents) return Promise.resolve(this.#times);
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  came(agent: number, changes: number, at: number): void {
    if (this.#wanted.agents === 0) return;
    const before = this.#counts.get(agent) ?? 0;
    this.#counts.set(agent, before + changes);
    if (before >= this.#wanted.changes || before + changes < this.#wanted.changes) return;
    this.#times.push(at);
    if (this.#times.length === this.#wanted.agents) this.#done?.(this.#times);
  }
}

function methods() {
  const arrivals = new Arrivals();
  let agents: Agent[] = [];
  let insist = false;

  async function connectAll(address: string): Promise<Connected> {
    const began = machineTime();
    for (const agent of agents) agent.connect(address, insist);
    return inStep(began);
  }

  async function inStep(began: number): Promise<Connected> {
    const at = await Promise.all(agents.map((agent) => agent.synced().then(machineTime)));
    let [up, down, roundTrips] = [0, 0, 0];
    for (const { wire, roundTrips: turns } of agents) {
      up += wire.up;
      down += wire.down;
      roundTrips = Math.max(roundTrips, turns);
    }
    return { began, at, up, down, roundTrips };
  }

  return {
    /** Connects new agents, besides those that there are, all at once; resolves when every agent is in step. */
    add(options: AgentsOptions): Promise<Connected> {
      const { address, count, version, wants, firstCloudlet, initial = 0 } = options;
      insist = options.insist ?? false;
      const began = machineTime();
      for (let i = 0; i < count; i++) {
        const number = agents.length;
        const onChanges = (changes: number, at: number) => arrivals.came(number, changes, at);
        const cloudlet = firstCloudlet === undefined ? undefined : `site-${firstCloudlet + i}`;
        const node = `agent-${process.pid}-${number}`;
        const agent =
          version === 0
            ? new RawAgent(initial, onChanges)
            : new LightAgent({ version, node, wants, cloudlet, onChanges });
        agents.push(agent);
        agent.connect(address, insist);
      }
      return inStep(began);
    },
    /** Breaks all connections; the agents keep what they hold. */
    cut() {
      for (const agent of agents) agent.cut();
    },
    /** Connects all again. */
    again({ address, forget }: { address: string; forget: boolean }): Promise<Connected> {
      if (forget) for (const agent of agents) agent.forget();
      return connectAll(address);
    },
    /** Waits until all that insist are in step again. */
    recovered: () => inStep(machineTime()),
    /** From now on, counts the agents that get so many changes. */
    expect({ agents: wanted, changes }: { agents: number; changes: number }) {
      arrivals.expect(wanted, changes);
    },
    /** When each of them had them, and had acknowledged them. */
    arrivals: () => arrivals.wait(),
    end() {
      for (const agent of agents) agent.cut();
      agents = [];
    },
  };
}

export type AgentsMethods = ReturnType<typeof methods>;

answerParent(methods());
