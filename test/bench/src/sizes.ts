/** How much the benches of the controller do. */
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
}

export const FULL: Sizes = {
  warmUp: 1500,
  calls: 8000,
  serialCalls: 1000,
  creates: 200,
  shown: 20_000,
  resident: 40_000,
  started: 100_000,
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
};
