import { OBJECTS, type ObjectName, type ObjectOf } from '@edgeplane/objects';
import { AppApiClient } from '@edgeplane/proto/edgeproto/app.js';
import {
  AppInstApiClient,
  AppInstInfoApiClient,
  AppInstMetricsApiClient,
} from '@edgeplane/proto/edgeproto/app_inst.js';
import {
  CloudletApiClient,
  CloudletInfoApiClient,
  CloudletMetricsApiClient,
} from '@edgeplane/proto/edgeproto/cloudlet.js';
import { ClusterApiClient } from '@edgeplane/proto/edgeproto/cluster.js';
import { ClusterInstApiClient, ClusterInstInfoApiClient } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { ControllerApiClient } from '@edgeplane/proto/edgeproto/controller.js';
import { DeveloperApiClient } from '@edgeplane/proto/edgeproto/developer.js';
import { FlavorApiClient } from '@edgeplane/proto/edgeproto/flavor.js';
import { NodeApiClient } from '@edgeplane/proto/edgeproto/node.js';
import { OperatorApiClient } from '@edgeplane/proto/edgeproto/operator.js';
import { CloudletRefsApiClient, ClusterRefsApiClient } from '@edgeplane/proto/edgeproto/refs.js';
import type { Result } from '@edgeplane/proto/edgeproto/result.js';
import { type ClientConstructor, callStream, callUnary, connect } from '@edgeplane/rpc';
import { MemoryStore, type Store } from '@edgeplane/store';
import type { Client, Metadata } from '@grpc/grpc-js';
import { type Controller, type ControllerOverrides, createController } from './app.js';
import { type ControllerConfig, parseConfig } from './config.js';
import type { Timeouts } from './context.js';
import { type AgentOptions, ScriptedAgent } from './testing-agent.js';

/** A partial message: what the tests write down of an object. */
export type Sparse<T> = { readonly [P in keyof T]?: Sparse<T[P]> | undefined };

/** Short enough for tests of silence, long enough for a loaded machine. */
export const TEST_TIMEOUTS: Timeouts = { create: 30_000, update: 30_000, delete: 30_000 };
/** For agents that say nothing. */
export const BRIEF: Timeouts = { create: 300, update: 300, delete: 300 };

export function testConfig(changes: Partial<ControllerConfig> = {}): ControllerConfig {
  const { config } = parseConfig(
    ['--store', 'memory', '--apiAddr', '127.0.0.1:0', '--notifyAddr', '127.0.0.1:0', '--httpAddr', ''],
    '/',
  );
  return { ...config, ...changes };
}

/** What a call ended with: its messages, then `OK` or the error text. */
export type Outcome = readonly string[];

type Api = Record<string, unknown>;

/** A running controller with clients of all its services. */
export class TestController {
  readonly controller: Controller;
  readonly store: Store;
  readonly #clients: Client[] = [];
  readonly #agents: ScriptedAgent[] = [];
  readonly #ownsStore: boolean;

  private constructor(controller: Controller, store: Store, ownsStore: boolean) {
    this.controller = controller;
    this.store = store;
    this.#ownsStore = ownsStore;
  }

  static async start(
    overrides: ControllerOverrides = {},
    changes: Partial<ControllerConfig> = {},
  ): Promise<TestController> {
    const store = overrides.store ?? new MemoryStore();
    const timeouts = overrides.timeouts ?? TEST_TIMEOUTS;
    const controller = createController(testConfig(changes), { ...overrides, store, timeouts });
    await controller.start();
    return new TestController(controller, store, overrides.store === undefined);
  }

  get api(): string {
    return this.controller.addresses['api'] ?? '';
  }

  client<C extends Client>(Constructor: ClientConstructor<C>): C {
    const client = connect(Constructor, this.api);
    this.#clients.push(client);
    return client;
  }

  async agent(operator = 'op', name = 'site', options: AgentOptions = {}): Promise<ScriptedAgent> {
    const agent = new ScriptedAgent(
      this.controller.addresses['notify'] ?? '',
      { operatorKey: { name: operator }, name },
      options,
    );
    this.#agents.push(agent);
    await agent.ready();
    await this.until(async () => {
      const infos = await this.show('CloudletInfo', { key: { operatorKey: { name: operator }, name } });
      return infos.some((info) => info.state === 2);
    }, 'the agent is known');
    return agent;
  }

  /** Calls Create, Update or Delete of an object. */
  async run(
    verb: 'create' | 'update' | 'delete' | 'inject' | 'evict',
    type: ObjectName,
    object: Sparse<ObjectOf<ObjectName>> | object,
  ): Promise<Outcome> {
    const { error, messages } = await this.call(`${verb}${type}`, type, object);
    return [...messages, error === undefined ? 'OK' : error.message];
  }

  /** The same with the error itself. */
  async call(
    method: string,
    type: ObjectName,
    object: object,
    signal?: AbortSignal,
  ): Promise<{ readonly messages: string[]; readonly error: (Error & { status?: string }) | undefined }> {
    const client = this.client(CLIENTS[type] as ClientConstructor<Client>);
    const request = complete(type, object);
    const messages: string[] = [];
    const unary = !STREAMED.has(type);
    try {
      const control = { signal };
      if (unary) await callUnary(client as never, method as never, request as never, control);
      else {
        const stream = callStream(client as never, method as never, request as never, control);
        for await (const result of stream as AsyncIterable<Result>) messages.push(result.message);
      }
      return { messages, error: undefined };
    } catch (error) {
      return { messages, error: error as Error };
    }
  }

  async show<N extends ObjectName>(
    type: N,
    filter: object = {},
    method = `show${type}`,
    metadata?: Metadata,
  ): Promise<ObjectOf<N>[]> {
    const client = this.client(CLIENTS[type] as ClientConstructor<Client>);
    const found: ObjectOf<N>[] = [];
    const request = complete(type, filter) as never;
    const stream = callStream(client as never, method as never, request, { metadata });
    for await (const object of stream as AsyncIterable<ObjectOf<N>>) {
      found.push((OBJECTS[type] as { normalize(o: unknown): unknown }).normalize(object) as ObjectOf<N>);
    }
    return found;
  }

  /** Waits for a condition on what the controller shows. */
  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    for (let i = 0; i < 12_000; i++) {
      if (await condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`${what}: not in time`);
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) await agent.stop();
    for (const client of this.#clients) client.close();
    await this.controller.stop();
    if (this.#ownsStore) await this.store.close();
  }
}

const CLIENTS: Partial<Record<ObjectName, unknown>> & Api = {
  App: AppApiClient,
  AppInst: AppInstApiClient,
  AppInstInfo: AppInstInfoApiClient,
  AppInstMetrics: AppInstMetricsApiClient,
  Cloudlet: CloudletApiClient,
  CloudletInfo: CloudletInfoApiClient,
  CloudletMetrics: CloudletMetricsApiClient,
  CloudletRefs: CloudletRefsApiClient,
  Cluster: ClusterApiClient,
  ClusterInst: ClusterInstApiClient,
  ClusterInstInfo: ClusterInstInfoApiClient,
  ClusterRefs: ClusterRefsApiClient,
  Controller: ControllerApiClient,
  Developer: DeveloperApiClient,
  Flavor: FlavorApiClient,
  Node: NodeApiClient,
  Operator: OperatorApiClient,
};

const STREAMED: ReadonlySet<string> = new Set(['Cloudlet', 'ClusterInst', 'AppInst']);

/** A whole message from what a test writes down. */
function complete(type: ObjectName, object: object): unknown {
  const { normalize, empty } = OBJECTS[type] as unknown as {
    normalize(o: unknown): unknown;
    empty(): object;
  };
  return normalize({ ...empty(), ...object });
}
