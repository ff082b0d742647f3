/** How much the benches do. */
export interface Sizes {
  /** Calls before a measurement. */
  readonly warmUp: number;
  /** Calls of a measurement with several in flight. */
  readonly calls: number;
  /** Calls of a measurement one after the other. */
  readonly serialCalls: number;
  /** Instances created for times to Ready. */
  readonly creates: number;
  /** AppInsts stored when Show is measured. */
  readonly shown: number;
  /** Objects stored when memory is measured. */
  readonly resident: number;
  /** Objects stored when the start is measured. */
  readonly started: number;
  /** Agents of most benches of notify. */
  readonly fleet: number;
  /** Repetitions there. */
  readonly rounds: number;
  /** Objects of one agent that connects. */
  readonly objects: number;
  /** Objects of each of many agents that connect. */
  readonly each: number;
  /** Agents when a controller is restarted, and calls of the API at least. */
  readonly restarted: number;
  readonly echoes: number;
  /** Agents that are idle, and for how long, milliseconds. */
  readonly idle: number;
  readonly idleMs: number;
  /** Agents behind relays. */
  readonly relayed: number;
  /** Sessions of which one is concerned by a change. */
  readonly curve: readonly number[];
  /** Fake instances of an agent whose use is measured, and of one that starts anew. */
  readonly instances: number;
  readonly reconciled: number;
  /** Instances of the App that clients of a match engine ask for. */
  readonly offered: readonly number[];
  /** Searches there, in process. */
  readonly asks: number;
  /** Instances that a match engine is sent. */
  readonly loaded: number;
  /** Virtual machines of a provider, and calls of each kind that ask for them. */
  readonly machines: number;
  readonly polls: number;
  /** Megabytes of a disk that is exported. */
  readonly exportMb: number;
  /** MicroVMs that are created, and streams of all of them. */
  readonly microvms: number;
  readonly streams: number;
  /** Pods that are allocated, started and freed. */
  readonly pods: number;
}

export const FULL: Sizes = {
  warmUp: 1500,
  calls: 8000,
  serialCalls: 1000,
  creates: 200,
  shown: 20_000,
  resident: 40_000,
  started: 100_000,
  fleet: 1000,
  rounds: 40,
  objects: 10_000,
  each: 2000,
  restarted: 5000,
  echoes: 100,
  idle: 10_000,
  idleMs: 35_000,
  relayed: 2000,
  curve: [10, 100, 1000, 10_000],
  offered: [10, 1000, 10_000, 1_000_000],
  asks: 20_000,
  loaded: 100_000,
  instances: 200,
  reconciled: 500,
  machines: 500,
  polls: 500,
  exportMb: 1024,
  microvms: 5000,
  streams: 20,
  pods: 9,
};

/** Only shows that the benches run. */
export const QUICK: Sizes = {
  warmUp: 20,
  calls: 100,
  serialCalls: 20,
  creates: 3,
  shown: 300,
  resident: 300,
  started: 300,
  fleet: 5,
  rounds: 5,
  objects: 60,
  each: 40,
  restarted: 4,
  echoes: 3,
  idle: 4,
  idleMs: 200,
  relayed: 4,
  curve: [2, 4],
  offered: [3, 40],
  asks: 100,
  loaded: 5000,
  instances: 5,
  reconciled: 5,
  machines: 4,
  polls: 10,
  exportMb: 4,
  microvms: 20,
  streams: 2,
  pods: 1,
};
