import { Backoff, type Clock, type Logger, messageOf, type Random } from '@edgeplane/base';

/** What a keeper needs of the engine. */
export interface ContainerReviver {
  /** Starts what of a workload does not run; true when all of it ran already, or there is none. */
  revive(name: string): Promise<boolean>;
}

export interface ContainerKeeperOptions {
  readonly reviver: ContainerReviver;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** How long podman has to start a container again by itself, milliseconds. */
const PATIENCE_MS = 3000;
const BACKOFF = { base: 1000, max: 60_000 };

interface Watch {
  readonly backoff: Backoff;
  cancel: () => void;
  looking: Promise<void>;
}

/**
 * Looks after workloads that a container of has ended. Podman starts it again, but tries only once: when it finds no room on
 * the disk, or is killed over it, the container stays as it is. Then it is started from here, later and later, until it runs.
 */
export class ContainerKeeper {
  readonly #o: ContainerKeeperOptions;
  readonly #watches = new Map<string, Watch>();
  #stopped = false;

  constructor(options: ContainerKeeperOptions) {
    this.#o = options;
  }

  /** A container of the workload has ended. */
  ended(name: string): void {
    if (this.#stopped || this.#watches.has(name)) return;
    const backoff = new Backoff(BACKOFF, this.#o.random);
    const watch: Watch = { backoff, cancel: () => undefined, looking: Promise.resolve() };
    this.#watches.set(name, watch);
    this.#later(name, watch);
  }

  /** Resolves when nothing is started any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const watches = [...this.#watches.values()];
    for (const { cancel } of watches) cancel();
    await Promise.all(watches.map(({ looking }) => looking));
  }

  #later(name: string, watch: Watch): void {
    watch.cancel = this.#o.clock.after(PATIENCE_MS + watch.backoff.next(), () => {
      watch.looking = this.#look(name, watch);
    });
  }

  async #look(name: string, watch: Watch): Promise<void> {
    const { reviver, logger } = this.#o;
    try {
      if (await reviver.revive(name)) {
        this.#watches.delete(name);
        return;
      }
      logger.warn({ name }, 'Workload was not started again by podman: started');
    } catch (error) {
      logger.warn({ name, reason: messageOf(error) }, 'Workload does not start again');
    }
    if (!this.#stopped) this.#later(name, watch);
  }
}
