import type { Logger } from '@edgeplane/base';
import { type Controller, createController, parseConfig } from '@edgeplane/controller';
import type { NotifyServer } from '@edgeplane/notify';
import type { RpcServer } from '@edgeplane/rpc';
import { between } from './chance.js';
import { unavailable } from './connection.js';
import { SimNode } from './sim-node.js';
import type { World } from './world.js';

/** Operations wait this long for agents, milliseconds. */
const TIMEOUTS = { create: 20_000, update: 15_000, delete: 15_000 };
/** Time of a request on its way to a controller, and of the answer on its way back, milliseconds. */
const WAY_MS = [0.2, 10] as const;

/** Where one controller of a run lives, through all its lives. */
export class ControllerHost {
  readonly name: string;
  readonly notifyAddress: string;
  readonly #world: World;
  readonly #logger: Logger;
  #node: SimNode | undefined;
  #controller: Controller | undefined;
  #api: RpcServer | undefined;
  #stopping = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.notifyAddress = `${name}:50001`;
    this.#logger = world.loggerOf(name);
  }

  /** Answers calls. */
  get up(): boolean {
    return this.#api !== undefined && !this.#stopping;
  }

  get running(): boolean {
    return this.#node !== undefined;
  }

  /** Starts a process; one that cannot start is started again, as its supervisor would. */
  start(): void {
    if (this.#node) return;
    const { scheduler, random, network, store, controllerVersion } = this.#world;
    const node = new SimNode(this.name, scheduler, random);
    this.#node = node;
    this.#stopping = false;
    const { config } = parseConfig(
      [
        ...['--store', 'memory', '--apiAddr', `${this.name}:55001`, '--notifyAddr', this.notifyAddress],
        ...['--httpAddr', '', '--lease-ttl', '5s', '--notifyVersion', String(controllerVersion)],
      ],
      '/',
    );
    const controller = createController(config, {
      store: store.connect(node),
      clock: node.clock,
      random: node.random,
      logger: this.#logger,
      timeouts: TIMEOUTS,
      door: { open: (api, notify) => this.#open(node, api, notify) },
    });
    this.#controller = controller;
    controller.start().catch(() => {
      if (!node.alive) return;
      this.kill();
      scheduler.after(1000, `${this.name} starts again`, () => this.start());
    });
    network.listen(this.notifyAddress, node, async () => {
      throw unavailable('not ready');
    });
  }

  /** Ends the process without its knowing. */
  kill(): void {
    this.#node?.kill();
    this.#node = undefined;
    this.#controller = undefined;
    this.#api = undefined;
  }

  /** Ends the process in good order. */
  async stop(): Promise<void> {
    const node = this.#node;
    if (!node || !this.#controller || this.#stopping) return;
    this.#stopping = true;
    this.#world.network.close(this.notifyAddress, node);
    await this.#controller.stop();
    if (this.#node === node) this.kill();
  }

  /** Calls a method as a client does. @throws the status; UNAVAILABLE when the controller dies meanwhile */
  call(path: string, request: unknown): Promise<readonly unknown[]> {
    const { random, scheduler } = this.#world;
    const node = this.#node;
    const way = () => between(random, ...WAY_MS);
    return new Promise((resolve, reject) => {
      const refuse = (reason: string) =>
        scheduler.after(way(), `${this.name} refuses`, () => reject(unavailable(reason)));
      if (!node) {
        refuse('connection refused');
        return;
      }
      const unhook = node.onKill(() => refuse('connection lost'));
      node.after(way(), path, () => {
        const messages: unknown[] = [];
        const api = this.#api;
        if (!api || this.#stopping) {
          unhook();
          refuse('connection refused');
          return;
        }
        const answer = (what: string, fn: () => void) =>
          node.after(way(), `${path} ${what}`, () => {
            unhook();
            fn();
          });
        api
          .call(path, request, (message) => messages.push(message))
          .then(
            () => answer('OK', () => resolve(messages)),
            (error: unknown) => answer(String(error), () => reject(error)),
          );
      });
    });
  }

  /** All objects of a type, straight from the controller, without loss of time. */
  async show(type: string, filter: unknown): Promise<unknown[]> {
    const objects: unknown[] = [];
    await this.#api?.call(`/edgeproto.${type}Api/Show${type}`, filter, (object) => objects.push(object));
    return objects;
  }

  #open(node: SimNode, api: RpcServer, notify: NotifyServer): void {
    this.#api = api;
    this.#world.network.listen(this.notifyAddress, node, (stream, caller) => notify.accept(stream, caller));
  }
}
