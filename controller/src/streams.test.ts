/** The stream scripts of controller spec section 20.2, over gRPC and notify. */
import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BRIEF, TestController } from './testing.js';
import type { Behaviour, ScriptedAgent } from './testing-agent.js';
import { app, appInst, clusterInst, prepare } from './testing-data.js';

interface Context {
  controller: TestController;
  agent: ScriptedAgent;
}

const streams = suite<Context>('streams');

streams.before.each(async (context) => {
  context.controller = await TestController.start({ timeouts: BRIEF });
  context.agent = await context.controller.agent();
  await prepare(context.controller);
});

streams.after.each(async (context) => {
  await context.controller.stop();
});

const FAIL: Behaviour = { fail: ['e1', 'e2'] };
const { IGNORE_CRM, IGNORE_CRM_ERRORS, IGNORE_CRM_AND_TRANSIENT_STATE, IGNORE_TRANSIENT_STATE } = CRMOverride;
const MADE = ['Creating', 'Ready', 'Created successfully'];
const GONE = (type: string) => ['Deleting', 'NotPresent', `Deleted ${type} successfully`];

async function states(controller: TestController, type: 'ClusterInst' | 'AppInst'): Promise<number[]> {
  return (await controller.show(type)).map((inst) => inst.state);
}

streams('ClusterInst: create, update, delete', async ({ controller }) => {
  assert.equal(await controller.run('create', 'ClusterInst', clusterInst()), [...MADE, 'OK']);
  const resize = clusterInst('c1', { fields: ['14'], numNodes: 3 });
  assert.equal(await controller.run('update', 'ClusterInst', resize), [
    'Updating',
    'Ready',
    'Updated successfully',
    'OK',
  ]);
  const [refs] = await controller.show('CloudletRefs');
  assert.is(refs?.usedRam, 4096n);
  assert.equal(await controller.run('delete', 'ClusterInst', clusterInst()), [...GONE('ClusterInst'), 'OK']);
  assert.equal(await controller.show('ClusterInst'), []);
});

streams('ClusterInst: a create that the agent refuses is undone', async ({ controller, agent }) => {
  agent.clusterInst.create = FAIL;
  assert.equal(await controller.run('create', 'ClusterInst', clusterInst()), [
    ...['Creating', 'CreateError', 'DELETING ClusterInst due to failures'],
    'Encountered failures: e1, e2',
  ]);
  assert.equal(await controller.show('ClusterInst'), []);
  assert.is((await controller.show('CloudletRefs'))[0]?.usedRam, 0n);
});

streams('ClusterInst: the same with errors ignored', async ({ controller, agent }) => {
  agent.clusterInst.create = FAIL;
  const request = clusterInst('c1', { crmOverride: IGNORE_CRM_ERRORS });
  assert.equal(await controller.run('create', 'ClusterInst', request), [
    ...['Creating', 'CreateError'],
    'Create ClusterInst ignoring CRM failure: Encountered failures: e1, e2',
    ...['Created ClusterInst successfully', 'OK'],
  ]);
  const [inst] = await controller.show('ClusterInst');
  assert.equal([inst?.state, inst?.errors, inst?.crmOverride], [5, [], 0]);
});

streams('ClusterInst: a silent agent', async ({ controller, agent }) => {
  agent.clusterInst.create = 'silent';
  assert.equal(await controller.run('create', 'ClusterInst', clusterInst()), [
    'DELETING ClusterInst due to failures',
    'Timed out; expected state Ready but is CreateRequested',
  ]);
  const ignoring = clusterInst('c1', { crmOverride: IGNORE_CRM_ERRORS });
  const outcome = await controller.run('create', 'ClusterInst', ignoring);
  assert.is(outcome.at(-1), 'OK');
  assert.equal(await states(controller, 'ClusterInst'), [5], 'success only when the state says so');
});

streams('ClusterInst: create and delete without the agent say nothing', async ({ controller, agent }) => {
  const request = clusterInst('c1', { crmOverride: IGNORE_CRM });
  assert.equal(await controller.run('create', 'ClusterInst', request), ['OK']);
  const update = { ...request, fields: ['14'], numNodes: 2 };
  assert.equal(await controller.run('update', 'ClusterInst', update), ['OK']);
  assert.equal(await states(controller, 'ClusterInst'), [5]);
  assert.equal(await controller.run('delete', 'ClusterInst', request), ['OK']);
  assert.equal(await states(controller, 'ClusterInst'), []);
  assert.not.ok(agent.heard.some((h) => h.endsWith(' 2') || h.endsWith(' 9')));
});

streams(
  'ClusterInst: a failed update stays, and can be updated again or deleted',
  async ({ controller, agent }) => {
    await controller.run('create', 'ClusterInst', clusterInst());
    agent.clusterInst.update = FAIL;
    const resize = clusterInst('c1', { fields: ['14'], numNodes: 2 });
    const failed = ['Updating', 'UpdateError', 'Encountered failures: e1, e2'];
    assert.equal(await controller.run('update', 'ClusterInst', resize), failed);
    assert.equal(await controller.run('update', 'ClusterInst', resize), failed);
    assert.equal(await states(controller, 'ClusterInst'), [8]);
    assert.equal(await controller.run('delete', 'ClusterInst', clusterInst()), [
      ...GONE('ClusterInst'),
      'OK',
    ]);
    assert.is((await controller.show('CloudletRefs'))[0]?.usedRam, 0n);
  },
);

streams('ClusterInst: a failed delete is undone', async ({ controller, agent }) => {
  await controller.run('create', 'ClusterInst', clusterInst());
  agent.clusterInst.delete = FAIL;
  assert.equal(await controller.run('delete', 'ClusterInst', clusterInst()), [
    ...['Deleting', 'DeleteError', 'Recreating ClusterInst due to failure'],
    'Encountered failures: e1, e2',
  ]);
  const [inst] = await controller.show('ClusterInst');
  assert.equal([inst?.state, inst?.errors], [5, []]);
  assert.is((await controller.show('CloudletRefs'))[0]?.usedRam, 2048n);
  const ignoring = clusterInst('c1', { crmOverride: IGNORE_CRM_ERRORS });
  assert.equal(await controller.run('delete', 'ClusterInst', ignoring), [
    ...['Deleting', 'DeleteError'],
    'Delete ClusterInst ignoring CRM failure: Encountered failures: e1, e2',
    ...['Deleted ClusterInst successfully', 'OK'],
  ]);
  assert.equal(await states(controller, 'ClusterInst'), []);
});

streams('ClusterInst: auto-delete apps go first', async ({ controller }) => {
  for (const name of ['a1', 'a2']) {
    await controller.run('create', 'App', app(name, { delOpt: 1 }));
  }
  await controller.run('create', 'ClusterInst', clusterInst());
  for (const name of ['a1', 'a2']) {
    assert.equal(await controller.run('create', 'AppInst', appInst(name)), [...MADE, 'OK']);
  }
  assert.equal(await controller.run('delete', 'ClusterInst', clusterInst()), [
    ...['Autodeleting appinst a1', ...GONE('AppInst')],
    ...['Autodeleting appinst a2', ...GONE('AppInst')],
    ...[...GONE('ClusterInst'), 'OK'],
  ]);
});

streams('ClusterInst: when an auto-delete app stays, all is as before', async ({ controller, agent }) => {
  await controller.run('create', 'App', app('a1', { delOpt: 1 }));
  await controller.run('create', 'ClusterInst', clusterInst());
  await controller.run('create', 'AppInst', appInst('a1'));
  agent.appInst.delete = FAIL;
  const outcome = await controller.run('delete', 'ClusterInst', clusterInst());
  assert.is(
    outcome.at(-1),
    'Failed to auto-delete applications from clusterInst c1, Encountered failures: e1, e2',
  );
  assert.equal(await states(controller, 'ClusterInst'), [5]);
  assert.equal(await states(controller, 'AppInst'), [5]);
});

streams('AppInst: create and delete', async ({ controller }) => {
  await controller.run('create', 'ClusterInst', clusterInst());
  assert.equal(await controller.run('create', 'AppInst', appInst()), [...MADE, 'OK']);
  const [inst] = await controller.show('AppInst');
  assert.is(inst?.uri, 'site.op.edge.internal');
  assert.equal(
    inst?.mappedPorts.map((p) => [p.internalPort, p.publicPort, p.fqdnPrefix]),
    [[80, 80, 'web-tcp.']],
  );
  assert.equal((await controller.show('CloudletRefs'))[0]?.rootLbPorts, { 80: 1 });
  assert.equal(await controller.run('delete', 'AppInst', appInst()), [...GONE('AppInst'), 'OK']);
  assert.equal((await controller.show('CloudletRefs'))[0]?.rootLbPorts, {});
});

streams('AppInst: with an auto-cluster, which goes with it', async ({ controller }) => {
  const request = appInst('web', 'AutoCluster', {});
  assert.match(
    (await controller.run('create', 'AppInst', request)).at(-1) ?? '',
    'Specified ClusterInst not found',
  );
  const auto = appInst('web', 'autoclusterWEB');
  assert.equal(await controller.run('create', 'AppInst', auto), [...MADE, ...MADE, 'OK']);
  const [cluster] = await controller.show('ClusterInst');
  assert.equal(
    [cluster?.key?.clusterKey?.name, cluster?.auto, cluster?.liveness, cluster?.numNodes],
    ['autoclusterweb', true, 2, 1],
  );
  assert.equal(await controller.run('delete', 'AppInst', auto), [
    ...GONE('AppInst'),
    'DELETING auto-cluster inst',
    ...GONE('ClusterInst'),
    'OK',
  ]);
  assert.equal(await states(controller, 'ClusterInst'), []);
});

streams('AppInst: each step once when auto-delete apps share the auto-cluster', async ({ controller }) => {
  await controller.run('create', 'AppInst', appInst('web', 'autocluster1'));
  for (const name of ['a1', 'a2']) {
    await controller.run('create', 'App', app(name, { delOpt: 1 }));
    await controller.run('create', 'AppInst', appInst(name, 'autocluster1'));
  }
  assert.equal(await controller.run('delete', 'AppInst', appInst('web', 'autocluster1')), [
    ...[...GONE('AppInst'), 'DELETING auto-cluster inst'],
    ...['Autodeleting appinst a1', ...GONE('AppInst')],
    ...['Autodeleting appinst a2', ...GONE('AppInst')],
    ...[...GONE('ClusterInst'), 'OK'],
  ]);
});

streams('AppInst: a create that the agent refuses is undone', async ({ controller, agent }) => {
  agent.appInst.create = FAIL;
  await controller.run('create', 'ClusterInst', clusterInst());
  assert.equal(await controller.run('create', 'AppInst', appInst()), [
    ...['Creating', 'CreateError', 'DELETING AppInst due to failure'],
    'Encountered failures: e1, e2',
  ]);
  assert.equal((await controller.show('CloudletRefs'))[0]?.rootLbPorts, {});
  const ignoring = appInst('web', 'c1', { crmOverride: IGNORE_CRM_ERRORS });
  assert.equal(await controller.run('create', 'AppInst', ignoring), [
    ...['Creating', 'CreateError'],
    'Create AppInst ignoring CRM failure: Encountered failures: e1, e2',
    ...['Created AppInst successfully', 'OK'],
  ]);
});

streams(
  'AppInst: the auto-cluster of a failed create is deleted by the agent',
  async ({ controller, agent }) => {
    agent.appInst.create = FAIL;
    assert.equal(await controller.run('create', 'AppInst', appInst('web', 'autocluster1')), [
      ...[...MADE, 'Creating', 'CreateError', 'DELETING AppInst due to failure'],
      ...['DELETING auto-ClusterInst due to failure', 'Encountered failures: e1, e2'],
    ]);
    assert.equal(await states(controller, 'ClusterInst'), []);
    assert.ok(agent.heard.includes('ClusterInst 9'), 'the agent was told');
  },
);

streams('AppInst: without the agent, and on the default cloudlet', async ({ controller }) => {
  const ignore = { crmOverride: IGNORE_CRM };
  await controller.run('create', 'ClusterInst', clusterInst('c1', ignore));
  assert.equal(await controller.run('create', 'AppInst', appInst('web', 'c1', ignore)), [
    'Created successfully',
    'OK',
  ]);
  assert.equal(await controller.run('delete', 'AppInst', appInst('web', 'c1', ignore)), ['OK']);
  const key = {
    ...appInst().key,
    clusterInstKey: {
      clusterKey: { name: 'default' },
      cloudletKey: { operatorKey: { name: 'developer' }, name: 'default' },
      developer: '',
    },
  };
  const refused = await controller.run('create', 'AppInst', { key });
  assert.equal(refused, ['URI (Public Fqdn) is required for default cloudlet']);
  assert.equal(await controller.run('create', 'AppInst', { key, uri: 'app.example.com' }), [
    'Created successfully',
    'OK',
  ]);
  const [inst] = await controller.show('AppInst');
  assert.equal([inst?.uri, inst?.key?.clusterInstKey?.developer], ['app.example.com', 'dev']);
  assert.equal(await controller.run('delete', 'AppInst', { key }), ['OK']);
});

streams('AppInst: still Creating when time is up', async ({ controller, agent }) => {
  await controller.run('create', 'ClusterInst', clusterInst());
  agent.appInst.create = 'stuck';
  assert.equal(await controller.run('create', 'AppInst', appInst()), [
    'Creating',
    'Timed out while work still in progress state Creating. Please use ShowAppInst to check current status',
    'OK',
  ]);
  assert.equal(await controller.run('delete', 'AppInst', appInst()), ['AppInst busy, cannot delete']);
  const force = appInst('web', 'c1', { crmOverride: IGNORE_CRM_AND_TRANSIENT_STATE });
  assert.equal(await controller.run('delete', 'AppInst', force), ['OK']);
});

streams('AppInst: a transient override lets a create through', async ({ controller, agent }) => {
  await controller.run('create', 'ClusterInst', clusterInst());
  agent.appInst.create = 'stuck';
  await controller.run('create', 'AppInst', appInst());
  agent.appInst.create = 'ok';
  assert.equal(await controller.run('create', 'AppInst', appInst()), ['Key already exists']);
  const over = appInst('web', 'c1', { crmOverride: IGNORE_TRANSIENT_STATE });
  assert.equal((await controller.run('create', 'AppInst', over)).at(-1), 'OK');
  assert.equal(await states(controller, 'AppInst'), [5]);
  assert.equal((await controller.show('CloudletRefs'))[0]?.rootLbPorts, { 80: 1 });
});

streams('AppInst: a failed delete is undone, with all it had', async ({ controller, agent }) => {
  await controller.run('create', 'ClusterInst', clusterInst());
  await controller.run('create', 'AppInst', appInst());
  const [before] = await controller.show('AppInst');
  agent.appInst.delete = FAIL;
  assert.equal(await controller.run('delete', 'AppInst', appInst()), [
    ...['Deleting', 'DeleteError', 'Recreating AppInst due to failure', 'Created successfully'],
    'Encountered failures: e1, e2',
  ]);
  assert.equal(await controller.show('AppInst'), [before]);
  const ignoring = appInst('web', 'c1', { crmOverride: IGNORE_CRM_ERRORS });
  assert.equal(await controller.run('delete', 'AppInst', ignoring), [
    ...['Deleting', 'DeleteError'],
    'Delete AppInst ignoring CRM failure: Encountered failures: e1, e2',
    ...['Deleted AppInst successfully', 'OK'],
  ]);
});

streams(
  'the auto-cluster of a delete that outlasts its time follows in the end',
  async ({ controller, agent }) => {
    await controller.run('create', 'AppInst', appInst('web', 'autocluster1'));
    agent.appInst.delete = 'stuck';
    const outcome = await controller.run('delete', 'AppInst', appInst('web', 'autocluster1'));
    assert.match(outcome.at(-2) ?? '', 'Timed out while work still in progress state Deleting');
    const [inst] = await controller.show('AppInst');
    if (inst?.key) agent.appInfos.delete(inst.key);
    await controller.until(
      async () => (await states(controller, 'ClusterInst')).length === 0,
      'cluster gone',
    );
  },
);

streams.run();
