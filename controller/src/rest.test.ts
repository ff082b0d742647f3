// test: timeout=120s
/** The REST gateway before a controller (controller spec section 3), over bare HTTP. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { OBJECTS } from '@edgeplane/objects';
import { Validator } from '@seriousme/openapi-schema-validator';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import type { ScriptedAgent } from './testing-agent.js';
import { clusterInst, prepare } from './testing-data.js';

interface Context {
  controller: TestController;
  agent: ScriptedAgent;
}

const rest = suite<Context>('rest');

rest.before(async (context) => {
  context.controller = await TestController.start({}, { httpAddr: '127.0.0.1:0' });
  context.agent = await context.controller.agent();
  await prepare(context.controller);
});
rest.after((context) => context.controller.stop());

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function send(
  { controller }: Context,
  path: string,
  body: unknown = '',
  options: { readonly method?: string; readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  const [host, port] = (controller.controller.addresses['http'] ?? '').split(':');
  const { method = 'POST', signal } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host, port, path, method, ...(signal && { signal }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.on('error', reject);
    request.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** The objects of a stream's body. */
function results(body: string): Record<string, unknown>[] {
  const objects = body.split(/\n(?=\{)/).filter((text) => text.trim() !== '');
  return objects.map((text) => JSON.parse(text) as Record<string, unknown>);
}

rest('a unary call: bodies and headers byte for byte', async (context) => {
  const flavor = { key: { name: 'r1' }, ram: '1', vcpus: 2, disk: 3 };
  const made = await send(context, '/create/flavor', flavor);
  assert.is(made.status, 200);
  assert.is(made.body, '{\n "message": "",\n "code": 0\n}');
  assert.is(made.headers['content-type'], 'application/json');
  assert.is(made.headers['grpc-metadata-content-type'], 'application/grpc');
  const again = await send(context, '/create/flavor', flavor);
  assert.is(again.status, 409);
  assert.is(again.body, '{\n "code": 6,\n "message": "Key already exists",\n "details": [\n ]\n}');
  assert.is(again.headers['trailer'], 'Grpc-Trailer-Content-Type');
  assert.is(again.headers['transfer-encoding'], 'chunked');
  assert.is((await send(context, '/delete/flavor', flavor)).status, 200);
  assert.is((await send(context, '/delete/flavor', flavor)).status, 404);
});

rest(
  'a stream: one object a message, an empty one, and errors before and after the first',
  async (context) => {
    const { controller, agent } = context;
    const shown = await send(context, '/show/flavor', { key: { name: 'small' } });
    assert.is(shown.status, 200);
    assert.is(
      shown.body,
      `{
 "result": {
  "fields": [],
  "key": {
   "name": "small"
  },
  "ram": "1024",
  "vcpus": "1",
  "disk": "10"
 }
}
`,
    );
    assert.equal(
      [
        (await send(context, '/show/flavor', { key: { name: 'none' } })).body,
        shown.headers['transfer-encoding'],
      ],
      ['', 'chunked'],
    );
    const refused = await send(context, '/delete/clusterinst', clusterInst('none'));
    assert.is(refused.status, 404);
    assert.is(
      refused.body,
      `{
 "error": {
  "grpc_code": 5,
  "http_code": 404,
  "message": "Key not found",
  "http_status": "Not Found",
  "details": []
 }
}`,
    );
    agent.clusterInst.create = { fail: ['no luck'] };
    const failed = await send(context, '/create/clusterinst', clusterInst());
    agent.clusterInst.create = 'ok';
    assert.is(failed.status, 200);
    assert.equal(
      results(failed.body).map(
        (o) => (o['result'] as { message: string } | undefined)?.message ?? o['error'],
      ),
      [
        'Creating',
        'CreateError',
        'DELETING ClusterInst due to failures',
        {
          grpc_code: 10,
          http_code: 409,
          message: 'Encountered failures: no luck',
          http_status: 'Conflict',
          details: [],
        },
      ],
    );
    assert.equal(await controller.show('ClusterInst'), []);
  },
);

rest('objects of every type are created, shown, updated and deleted', async (context) => {
  const site = { operator_key: { name: 'op' }, name: 'rest' };
  const cluster = {
    cluster_key: { name: 'c9' },
    cloudlet_key: { operator_key: { name: 'op' }, name: 'site' },
    developer: 'dev',
  };
  const appKey = { developer_key: { name: 'dev' }, name: 'rest', version: '1' };
  const objects: [
    path: string,
    object: Record<string, unknown>,
    update: Record<string, unknown> | undefined,
  ][] = [
    ['developer', { key: { name: 'd9' } }, { fields: ['3'], username: 'u' }],
    ['operator', { key: { name: 'o9' } }, {}],
    ['flavor', { key: { name: 'f9' }, ram: 1, vcpus: 1, disk: 1 }, { fields: ['3'], ram: 2 }],
    ['cluster', { key: { name: 'c9' }, default_flavor: { name: 'f9' } }, undefined],
    [
      'cloudlet',
      { key: site, location: { latitude: 1, longitude: 2 }, num_dynamic_ips: 3 },
      { fields: ['5.1'], location: { latitude: 9 } },
    ],
    [
      'app',
      {
        key: appKey,
        image_type: 'IMAGE_TYPE_DOCKER',
        access_ports: 'tcp:81',
        default_flavor: { name: 'f9' },
      },
      { fields: ['7'], access_ports: 'tcp:82' },
    ],
    ['clusterinst', { key: cluster, flavor: { name: 'f9' }, numNodes: 1 }, { fields: ['14'], num_nodes: 2 }],
    ['appinst', { key: { app_key: appKey, cluster_inst_key: cluster } }, undefined],
  ];
  for (const [path, object, update] of objects) {
    const made = await send(context, `/create/${path}`, object);
    assert.is(made.status, 200, `${path}: ${made.body}`);
    assert.not.match(made.body, '"error"', path);
    const shown = await send(context, `/show/${path}`, { key: object['key'] });
    assert.is(results(shown.body).length, 1, `${path}: ${shown.body}`);
    if (!update) continue;
    const updated = await send(context, `/update/${path}`, { key: object['key'], ...update });
    assert.is(updated.status, 200, `${path}: ${updated.body}`);
  }
  const camel = await send(context, '/show/appinst?enums=camel', {});
  assert.match(camel.body, '"state": "Ready"');
  assert.match((await send(context, '/show/appinst', {})).body, '"state": "READY"');
  for (const [path, object] of [...objects].reverse()) {
    const gone = await send(context, path === 'cloudlet' ? '/delete/cloudet' : `/delete/${path}`, object);
    assert.is(gone.status, 200, `${path}: ${gone.body}`);
    assert.not.match(gone.body, '"error"', path);
  }
});

rest('what cannot be decoded, and what there is not', async (context) => {
  const decoded = await send(context, '/create/flavor', '{"ram":-1}');
  assert.is(decoded.status, 400);
  assert.equal([JSON.parse(decoded.body).code, /ram/.test(decoded.body)], [3, true]);
  assert.is((await send(context, '/create/clusterinst', '{bad')).status, 400);
  for (const [path, method, message] of [
    ['/no/such', 'POST', 'Not Implemented'],
    ['/create/flavor', 'GET', 'Method Not Allowed'],
  ] as const) {
    const answer = await send(context, path, '', { method });
    assert.equal([answer.status, JSON.parse(answer.body)], [501, { code: 12, message, details: [] }]);
  }
  assert.match((await send(context, '/show/flavor?enums=x', '')).body, 'must be proto or camel, but got');
  const large = await send(context, '/create/flavor', `{"a":"${'x'.repeat(5 * 1024 * 1024)}"}`).catch(
    () => undefined,
  );
  assert.ok(large === undefined || large.status === 400);
});

rest('a caller that leaves does not stop the work', async (context) => {
  const { agent, controller } = context;
  agent.clusterInst.create = 'silent';
  const caller = new AbortController();
  const left = send(context, '/create/clusterinst', clusterInst('left'), { signal: caller.signal });
  await controller.until(async () => (await controller.show('ClusterInst')).length === 1, 'requested');
  caller.abort();
  assert.ok(await left.catch(() => 'left'));
  agent.clusterInst.create = 'ok';
  const [inst] = await controller.show('ClusterInst');
  if (!inst?.key) throw new Error('no instance');
  const info = OBJECTS.ClusterInstInfo.withKey(inst.key);
  agent.clusterInfos.put({ ...info, state: 3 });
  await controller.until(async () => (await controller.show('ClusterInst'))[0]?.state === 5, 'ready');
  assert.is((await send(context, '/delete/clusterinst', clusterInst('left'))).status, 200);
});

rest('the OpenAPI document is valid and has every route', async (context) => {
  const answer = await send(context, '/openapi.json', '', { method: 'GET' });
  const document = JSON.parse(answer.body) as { openapi: string; paths: Record<string, unknown> };
  const validated = await new Validator().validate(document);
  assert.ok(validated.valid, JSON.stringify(validated.errors));
  for (const path of [
    '/create/app',
    '/delete/cloudet',
    '/delete/cloudlet',
    '/runcommand',
    '/inject/cloudletinfo',
  ]) {
    assert.ok(document.paths[path], path);
  }
});

rest.run();
