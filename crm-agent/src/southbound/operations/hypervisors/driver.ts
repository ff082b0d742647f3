/** A graphics card as people name it. */
export interface Gpu {
  readonly brand: string;
  readonly model: string;
}

/** What a host is made of. */
export interface HostFacts {
  /** Hardware threads that are online. */
  readonly cpus: number;
  readonly ramBytes: number;
  /** It can write to the shared pool. */
  readonly storage: boolean;
  /** Those that programs can compute with. */
  readonly gpus: readonly Gpu[];
}

/** `ready`: up, and its agent works; `not-ready`: up, and not yet or no longer of use. */
export type Condition = 'off' | 'ready' | 'not-ready';

/** What a look at a host told. */
export interface Observation {
  readonly condition: Condition;
  /** For people: why. */
  readonly detail: string;
  /** What is not told now may be known from before. */
  readonly facts?: HostFacts;
  /** undefined: it cannot be told. */
  readonly runningInstances?: number;
}

/** How a change of a host tells how far it is. */
export interface ChangeContext {
  readonly operationId: string;
  readonly signal: AbortSignal;
  step(name: string, message: string): Promise<void>;
  progress(permille: number, message?: string): void;
}

export interface DestroyOptions {
  readonly force: boolean;
  /** What processes get to end by themselves. */
  readonly graceMs: number;
}

/** One host and how it is brought up and taken down. Every change may be repeated after it was done in part. */
export interface Hypervisor {
  readonly driver: string;
  /** @throws HYPERVISOR_UNREACHABLE and the like when nothing can be told */
  inspect(signal: AbortSignal): Promise<Observation>;
  /** Brings it up and waits until it is ready; takes it down again when that fails. */
  create(context: ChangeContext): Promise<void>;
  destroy(options: DestroyOptions, context: ChangeContext): Promise<void>;
  /** Lets go of it. `stop`: it goes down with the agent, if it is of this host. */
  release(workloads: 'keep' | 'stop'): Promise<void>;
}
