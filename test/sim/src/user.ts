import { EdgeplaneError, type Random } from '@edgeplane/base';
import { fieldIdOf, OBJECTS, type ObjectType } from '@edgeplane/objects';
import { between, happens, pick } from './chance.js';
import type { Known, Model } from './model.js';
import { app, appInst, clusterInst, flavor } from './objects.js';
import type { World } from './world.js';

type Verb = 'Create' | 'Delete' | 'Update';

/** One thing that a user may do. */
type Action = () => Promise<void>;

/** Somebody who does one thing after the other with objects of their own, at whatever controller answers. */
export class User {
  readonly #world: World;
  readonly #model: Model;
  readonly #random: Random;
  readonly #name: string;
  #changes = 0;

  constructor(world: World, model: Model, random: Random, name: string) {
    this.#world = world;
    this.#model = model;
    this.#random = random;
    this.#name = name;
  }

  /** Acts until `isOver`, with pauses of up to `pauseMs`. */
  async run(isOver: () => boolean, pauseMs: number): Promise<void> {
    while (!isOver()) {
      await pick(this.#random, this.#actions())();
      await this.#world.scheduler.sleep(between(this.#random, 20, pauseMs));
    }
  }

  /** Creates what all users need, until it is there. */
  async insist<T, K>(type: ObjectType<T, K>, object: T): Promise<void> {
    const key = storeKey(type, object);
    while (this.#model.known(key) !== 'present') {
      await this.#do('Create', type, object);
      await this.#world.scheduler.sleep(500);
    }
  }

  #actions(): Action[] {
    const [random, me] = [this.#random, this.#name];
    const site = pick(random, this.#world.agents).key;
    const number = pick(random, [0, 1]);
    const cluster = pick(random, [`${me}-c0`, `${me}-c1`, `autocluster-${me}`]);
    const instance = appInst(`${me}-a${number}`, cluster, site);
    const own = clusterInst(`${me}-c${number}`, site);
    const kind = flavor(`${me}-f${number}`);
    const behaviour = pick(random, [
      '',
      '',
      // Not both of one App: what cannot be brought back after a delete that failed stays Ready (spec section 15.2).
      number === 0 ? 'fake.create=fail-once:no luck' : 'fake.delete=fail-once:stuck',
      'fake.create.delay=3s',
    ]);
    this.#changes += 1;
    const annotations = `${behaviour}${behaviour && ','}v=${this.#changes}`;
    const package_ = app(`${me}-a${number}`, annotations);
    const changed = { ...package_, fields: [fieldIdOf(OBJECTS.App.schema, 'annotations')] };
    return [
      () => this.#do('Create', OBJECTS.App, package_, annotations),
      () => this.#do('Create', OBJECTS.App, package_, annotations),
      () => this.#do('Update', OBJECTS.App, changed, annotations),
      () => this.#do('Delete', OBJECTS.App, package_),
      () => this.#do('Create', OBJECTS.ClusterInst, own),
      () => this.#do('Create', OBJECTS.ClusterInst, own),
      () => this.#do('Delete', OBJECTS.ClusterInst, own),
      () => this.#do('Create', OBJECTS.AppInst, instance),
      () => this.#do('Create', OBJECTS.AppInst, instance),
      () => this.#do('Create', OBJECTS.AppInst, instance),
      () => this.#do('Delete', OBJECTS.AppInst, instance),
      () => this.#do('Delete', OBJECTS.AppInst, instance),
      () => this.#do(happens(random, 0.5) ? 'Create' : 'Delete', OBJECTS.Flavor, kind),
    ];
  }

  async #do<T, K>(verb: Verb, type: ObjectType<T, K>, object: T, annotations?: string): Promise<void> {
    const controllers = this.#world.controllers.filter(({ up }) => up);
    if (controllers.length === 0) return;
    const key = storeKey(type, object);
    const known = this.#model.known(key);
    const had = this.#model.annotations(key);
    this.#model.begin(key);
    let after: Known;
    let has: string | undefined;
    try {
      const path = `/edgeproto.${type.name}Api/${verb}${type.name}`;
      const messages = await pick(this.#random, controllers).call(path, object);
      const underWay = messages.some((m) =>
        /still in progress/.test((m as { message?: string }).message ?? ''),
      );
      if (underWay) after = 'unknown';
      else {
        after = verb === 'Delete' ? 'absent' : 'present';
        has = verb === 'Delete' ? undefined : annotations;
      }
      if (verb === 'Update' && known === 'absent')
        this.#world.report.fault(`updated, though its delete was acknowledged: ${key}`);
    } catch (error) {
      const code = error instanceof EdgeplaneError ? error.code : '';
      after = this.#afterRefusal(key, verb, known, code);
      if (after !== 'unknown') has = had;
    }
    this.#model.end(key, after, has);
  }

  /** What is known after an error: some say for certain that nothing was changed, and why. */
  #afterRefusal(key: string, verb: Verb, known: Known, code: string): Known {
    if (code === 'KEY_EXISTS' && verb === 'Create' && known === 'absent')
      this.#world.report.fault(`exists, though it was never there or its delete was acknowledged: ${key}`);
    if (code === 'KEY_NOT_FOUND' && verb !== 'Create' && known === 'present')
      this.#world.report.fault(`not found, though its create was acknowledged: ${key}`);
    return CERTAIN.has(code) ? known : 'unknown';
  }
}

/** Errors that say that nothing was changed. */
const CERTAIN: ReadonlySet<string> = new Set(['KEY_EXISTS', 'KEY_NOT_FOUND', 'CLOUDLET_NOT_READY']);

function storeKey<T, K>(type: ObjectType<T, K>, object: T): string {
  return `1/${type.name}/${type.keyJsonOf(object)}`;
}
