/** Remote shells as the controller carries them: whom it asks, and what each answer, error and silence comes to. */
import { OBJECTS } from '@edgeplane/objects';
import { ExecApiClient, type ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { callUnary } from '@edgeplane/rpc';
import { MemoryStore } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from '../testing.js';
import type { ScriptedAgent } from '../testing-agent.js';
import { appInst, clusterInst, prepare, SITE } from '../testing-data.js';

interface Context {
  store: MemoryStore;
  controller: TestController;
  agent: ScriptedAgent;
}

const KEY = OBJECTS.AppInst.normalize({ ...OBJECTS.AppInst.empty(), ...(appInst() as object) }).key;
const NO_AGENT =
  'no one answered the offer: no agent of Cloudlet operator_key:<name:"op" > name:"site"  is connected';

function request(over: Partial<ExecRequest> = {}): ExecRequest {
  const rest = { command: 'ls', containerId: 'c', answer: '', err: '', requestId: '', plain: true };
  return { appInstKey: KEY, offer: 'an offer', ...rest, ...over };
}

/** `<status> <text>` of an error, or the answer. */
async function run(
  controller: TestController,
  over: Partial<ExecRequest> = {},
  method: 'runCommand' | 'sendLocalRequest' = 'runCommand',
  signal?: AbortSignal,
): Promise<string> {
  try {
    const client = controller.client(ExecApiClient);
    const reply = await callUnary(client, method, request(over), { signal });
    return reply.err === '' ? reply.answer : `err ${reply.err}`;
  } catch (error) {
    return `${(error as { status?: string }).status} ${(error as Error).message}`;
  }
}

const tests = suite<Context>('exec');

tests.before.each(async (context) => {
  context.store = new MemoryStore();
  context.controller = await TestController.start({ store: context.store });
  await prepare(context.controller);
  context.agent = await context.controller.agent();
  assert.is((await context.controller.run('create', 'ClusterInst', clusterInst())).at(-1), 'OK');
  assert.is((await context.controller.run('create', 'AppInst', appInst())).at(-1), 'OK');
});

tests.after.each(async ({ controller, store }) => {
  await controller.stop();
  await store.close();
});

tests('the agent of the cloudlet is asked, and no other', async ({ controller, agent }) => {
  const other = await controller.agent('op', 'elsewhere');
  agent.exec = ({ offer, command }) => ({ answer: `${command} for ${offer}` });
  other.exec = () => ({ answer: 'wrong' });
  assert.is(await run(controller), 'ls for an offer');
  assert.equal(other.offers, []);
  const [sent] = agent.offers;
  assert.equal({ ...sent, requestId: '' }, request());
  assert.is.not(sent?.requestId, '');
});

tests('each refusal before an agent is asked', async ({ controller, agent }) => {
  assert.is(
    await run(controller, { appInstKey: undefined }),
    'INVALID_ARGUMENT app_inst_key: must name an AppInst, but is missing',
  );
  const missing = appInst('nosuch').key as NonNullable<typeof KEY>;
  assert.match(
    await run(controller, { appInstKey: missing }),
    /^NOT_FOUND AppInst \{.*nosuch.*\} not found$/,
  );
  assert.match(await run(controller, { offer: '' }), /^INVALID_ARGUMENT offer: must be/);
  agent.appInst.delete = 'stuck';
  const deleting = new AbortController();
  const gone = controller.call('deleteAppInst', 'AppInst', appInst(), deleting.signal);
  await controller.until(async () => (await controller.show('AppInst'))[0]?.state !== 5, 'deleting');
  assert.match(await run(controller), /^FAILED_PRECONDITION AppInst \{.*\} not ready, state is Delet/i);
  deleting.abort();
  await gone;
  assert.equal(agent.offers, []);
});

tests("the agent's error comes back at once, with its text", async ({ controller, agent }) => {
  agent.exec = () => ({ err: 'no containers to run command in' });
  assert.is(await run(controller), 'FAILED_PRECONDITION no containers to run command in');
  assert.is(await run(controller, {}, 'sendLocalRequest'), 'err no containers to run command in');
});

tests(
  'agents that repeat only the offer: two with the same offer do not mix',
  async ({ controller, agent }) => {
    const done = Promise.all([run(controller, { command: 'one' }), run(controller, { command: 'two' })]);
    await controller.until(async () => agent.offers.length === 2, 'both offers');
    for (const sent of [...agent.offers].reverse())
      agent.sendExec({ ...sent, requestId: '', answer: `answer to ${sent.command}` });
    assert.equal(await done, ['answer to one', 'answer to two']);
  },
);

tests(
  'an agent that falls away ends the wait; without any the error names cloudlet and state',
  async ({ controller, agent }) => {
    const asked = run(controller);
    await controller.until(async () => agent.offers.length === 1, 'the offer');
    await agent.stop();
    assert.ok((await asked).startsWith(`UNAVAILABLE ${NO_AGENT}`), await asked);
    await controller.until(async () => (await controller.show('CloudletInfo'))[0]?.state === 3, 'offline');
    assert.is(await run(controller), `UNAVAILABLE ${NO_AGENT}, its state is CLOUDLET_STATE_OFFLINE`);
    assert.match(
      await run(controller, {}, 'sendLocalRequest'),
      /^UNAVAILABLE no agent of Cloudlet .* is connected to this/,
    );
  },
);

tests(
  'an agent that says nothing costs six seconds; a client that leaves costs nothing',
  async ({ controller, agent }) => {
    const leaving = new AbortController();
    const left = run(controller, { offer: 'left' }, 'runCommand', leaving.signal);
    const both = Promise.all([run(controller), run(controller, {}, 'sendLocalRequest')]);
    await controller.until(async () => agent.offers.length === 3, 'three offers');
    leaving.abort();
    assert.match(await left, /^CANCELLED/);
    assert.equal(await both, [
      'DEADLINE_EXCEEDED no one answered the offer',
      'DEADLINE_EXCEEDED ExecRequest timed out',
    ]);
  },
);

tests(
  'an agent of another controller is found: by its report, or by asking all',
  async ({ store, controller, agent }) => {
    agent.exec = ({ offer }) => ({ answer: `far answer to ${offer}` });
    const second = await TestController.start({ store });
    try {
      assert.is(await run(second), 'far answer to an offer');
      agent.exec = () => ({ err: 'not running' });
      assert.is(await run(second), 'FAILED_PRECONDITION not running');
      agent.exec = () => ({ answer: 'found' });
      const injected = { key: SITE, state: 2, controller: '', fields: ['5'] };
      for (const name of ['', 'host@127.0.0.1:1']) {
        await second.run('inject', 'CloudletInfo', { ...injected, controller: name });
        await second.until(
          async () => (await second.show('CloudletInfo'))[0]?.controller === name,
          'injected',
        );
        assert.is(await run(second), 'found', name);
      }
    } finally {
      await second.stop();
    }
    assert.is(await run(controller), 'found');
  },
);

tests.run();
