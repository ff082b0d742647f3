import type { Random } from '@edgeplane/base';
import { between, happens, pick } from './chance.js';
import type { World } from './world.js';

/** One way to make trouble. Whatever it begins, {@link Nemesis.calm} ends. */
type Trouble = () => void;

/** Makes trouble for as long as it is let, then puts everything right. */
export class Nemesis {
  readonly #world: World;
  readonly #random: Random;
  readonly #kinds: readonly [name: string, trouble: Trouble][];
  #calm = false;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    // Each run has troubles of its own: all at once hide one another.
    this.#kinds = Object.entries(this.#all()).filter(() => happens(random, 0.5));
  }

  /** Troubles of this run. */
  get names(): readonly string[] {
    return this.#kinds.map(([name]) => name);
  }

  async run(isOver: () => boolean, pauseMs: number): Promise<void> {
    const { scheduler, trace } = this.#world;
    while (!isOver()) {
      await scheduler.sleep(between(this.#random, 50, pauseMs));
      if (isOver() || this.#kinds.length === 0) continue;
      const [name, trouble] = pick(this.#random, this.#kinds);
      trace.add(`  trouble: ${name}`);
      trouble();
    }
  }

  /** Ends all trouble, and starts what is down. */
  calm(): void {
    this.#calm = true;
    const { store, network, controllers, relays, agents, dmes } = this.#world;
    Object.assign(store.faults, { outage: false, uncertain: 0, watchLagMs: 10 });
    network.healAll();
    for (const connection of network.connections) connection.slow(1);
    for (const host of [...controllers, ...relays, ...agents, ...dmes]) host.start();
  }

  #all(): Record<string, Trouble> {
    const { store, network, controllers, relays, agents, dmes } = this.#world;
    const random = this.#random;
    const connection = () => {
      const open = network.connections;
      return open.length === 0 ? undefined : pick(random, open);
    };
    return {
      'kill controller': () => this.#restart(pick(random, controllers)),
      'stop controller': () => {
        const host = pick(random, controllers);
        void host.stop().then(() => this.#later(50, 3000, () => host.start()));
      },
      'kill agent': () => this.#restart(pick(random, agents)),
      'stop agent': () => {
        const host = pick(random, agents);
        void host.stop().then(() => this.#later(50, 3000, () => host.start()));
      },
      'kill match engine': () => this.#restart(pick(random, dmes)),
      ...(relays.length > 0 && {
        'kill relay': () => this.#restart(pick(random, relays)),
        'stop relay': () => {
          const host = pick(random, relays);
          void host.stop().then(() => this.#later(50, 3000, () => host.start()));
        },
      }),
      partition: () => {
        const a = pick(random, [...controllers, ...relays]).name;
        const b = pick(random, [...relays, ...agents, ...dmes]).name;
        if (a === b) return;
        network.partition(a, b);
        this.#later(500, 40_000, () => network.heal(a, b));
      },
      reset: () => {
        const one = connection();
        if (one) network.reset(one);
      },
      'half-open': () => {
        const one = connection();
        if (one) network.halfOpen(one, happens(random, 0.8) ? 'client' : 'server');
      },
      slow: () => connection()?.slow(20),
      'store outage': () => this.#during(200, 9000, 'outage', true, false),
      'uncertain writes': () => this.#during(500, 5000, 'uncertain', 0.3, 0),
      'watch lag': () => this.#during(500, 8000, 'watchLagMs', between(random, 100, 1500), 10),
      'watches cut': () => store.cutWatches(),
      compaction: () => {
        void store.compact();
        store.cutWatches();
      },
      'leases lost': () => store.loseLeases(random),
    };
  }

  #restart(host: { kill(): void; start(): void }): void {
    host.kill();
    this.#later(20, 8000, () => host.start());
  }

  #during<K extends keyof World['store']['faults']>(
    least: number,
    most: number,
    fault: K,
    value: World['store']['faults'][K],
    normal: World['store']['faults'][K],
  ): void {
    const { faults } = this.#world.store;
    faults[fault] = value;
    this.#later(least, most, () => {
      faults[fault] = normal;
    });
  }

  /** Nothing more once there is calm, which has done it already. */
  #later(least: number, most: number, fn: () => void): void {
    this.#world.scheduler.after(between(this.#random, least, most), 'trouble ends', () => {
      if (!this.#calm) fn();
    });
  }
}
