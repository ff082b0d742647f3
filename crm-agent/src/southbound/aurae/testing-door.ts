/** Doors of pods for tests, called without a wire. */

import { silentLogger } from '@edgeplane/base';
import type { MessageFns } from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import * as messages from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import { RpcServer } from '@edgeplane/rpc';
import { testDoorContext } from '../testing.js';
import { AuraeDoor } from './aurae-door.js';
import type { PodPolicy } from './pod-service.js';
import { FakeMachine, fakeHost, Life } from './testing-host.js';

export const POLICY: PodPolicy = { implicitPods: true, defaultImage: '' };

type Verb = 'Allocate' | 'Start' | 'Stop' | 'Free';

export interface TestPods {
  readonly door: AuraeDoor;
  readonly server: RpcServer;
  call<V extends Verb>(verb: V, request?: object, service?: string): Promise<ResponseOf<V>>;
}

type ResponseOf<V extends Verb> = V extends 'Allocate'
  ? messages.PodServiceAllocateResponse
  : V extends 'Start'
    ? messages.PodServiceStartResponse
    : V extends 'Stop'
      ? messages.PodServiceStopResponse
      : messages.PodServiceFreeResponse;

const REQUESTS: Readonly<Record<Verb, Pick<MessageFns<unknown>, 'fromPartial'>>> = {
  Allocate: messages.PodServiceAllocateRequest,
  Start: messages.PodServiceStartRequest,
  Stop: messages.PodServiceStopRequest,
  Free: messages.PodServiceFreeRequest,
};

export interface TestPodsOptions {
  readonly machine: FakeMachine;
  readonly context: ReturnType<typeof testDoorContext>;
  readonly life?: Life;
  readonly policy?: PodPolicy;
}

/** Opens a door on a machine; its state is in the context's folder, which another may have used before. */
export async function openPods({
  machine,
  context,
  life = new Life(),
  policy = POLICY,
}: TestPodsOptions): Promise<TestPods> {
  const door = new AuraeDoor({
    context: { ...context, disk: life.disk(context.disk) },
    policy,
    openHost: async () => fakeHost(machine, life),
  });
  await door.start(new AbortController().signal);
  const server = new RpcServer({ logger: silentLogger, name: 'pods' });
  door.addServices(server);
  return {
    door,
    server,
    async call(verb, request = {}, service = 'aurae.runtime.pod.v0.PodService') {
      let answer: unknown;
      await server.call(`/${service}/${verb}`, REQUESTS[verb].fromPartial(request), (message) => {
        answer = message;
      });
      return answer as never;
    },
  };
}

/** Runs a test on a door of its own. */
export async function withPods(
  run: (pods: TestPods, machine: FakeMachine) => Promise<void>,
  policy: PodPolicy = POLICY,
): Promise<void> {
  const context = testDoorContext();
  const machine = new FakeMachine();
  try {
    const pods = await openPods({ machine, context, policy });
    await run(pods, machine);
    await pods.door.stop('keep');
    await pods.server.stop(0);
  } finally {
    context.remove();
  }
}
