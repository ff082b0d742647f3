import { defineErrors, fail, silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import { AppInstApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import { CloudletApiService } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { type Flavor, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { RpcServer, serverStream, unary } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runCli } from './run-cli.js';

const errors = defineErrors({
  EXISTS: ['UNKNOWN', 'Key already exists'],
  NOT_FOUND: ['UNKNOWN', 'Key not found'],
  UNLUCKY: ['UNKNOWN', 'Encountered failures: [no luck]'],
});

interface World {
  server: RpcServer;
  address: string;
  flavors: Map<string, Flavor>;
  /** What was called, in order. */
  calls: string[];
  last: unknown;
  /** Of the last call that shows. */
  metadata: Record<string, unknown>;
}

const ok = (message = '') => ({ message, code: 0 });

/** A controller that knows flavors, and whose instances do as their App's name says. */
function serve(w: World): void {
  const put = (exists: boolean) =>
    unary(async (flavor: Flavor) => {
      const name = flavor.key?.name ?? '';
      w.calls.push(`${exists ? 'update' : 'create'} flavor ${name}`);
      w.last = flavor;
      if (w.flavors.has(name) !== exists) throw fail(exists ? errors.NOT_FOUND : errors.EXISTS);
      w.flavors.set(name, flavor);
      return ok();
    });
  w.server.addService(FlavorApiService, {
    createFlavor: put(false),
    updateFlavor: put(true),
    deleteFlavor: unary(async (flavor) => {
      w.calls.push(`delete flavor ${flavor.key?.name}`);
      if (!w.flavors.delete(flavor.key?.name ?? '')) throw fail(errors.NOT_FOUND);
      return ok();
    }),
    showFlavor: serverStream(async (filter, send, { metadata }) => {
      w.metadata = metadata.getMap();
      for (const flavor of w.flavors.values()) if (OBJECTS.Flavor.matches(filter, flavor)) await send(flavor);
    }),
  });
  const work = (verb: string) =>
    serverStream(async (inst: AppInst, send: (result: ReturnType<typeof ok>) => Promise<void>) => {
      const name = inst.key?.appKey?.name ?? '';
      w.calls.push(`${verb} appinst ${name}`);
      w.last = inst;
      if (name === 'failed-before') {
        await send(ok('Previous create failed, [no luck]'));
        throw fail(errors.EXISTS);
      }
      await send(ok('Creating'));
      if (name === 'unlucky') throw fail(errors.UNLUCKY);
      await send(ok('Ready'));
    });
  w.server.addService(AppInstApiService, {
    createAppInst: work('create'),
    deleteAppInst: work('delete'),
    updateAppInst: work('update'),
    showAppInst: serverStream(async () => undefined),
  });
  const step = (verb: string) =>
    serverStream(
      async (
        cloudlet: ReturnType<typeof OBJECTS.Cloudlet.empty>,
        send: (r: ReturnType<typeof ok>) => Promise<void>,
      ) => {
        w.calls.push(`${verb} cloudlet ${cloudlet.key?.name}`);
        await send(ok('Created successfully'));
      },
    );
  w.server.addService(CloudletApiService, {
    createCloudlet: step('create'),
    deleteCloudlet: step('delete'),
    updateCloudlet: step('update'),
    showCloudlet: serverStream(async () => undefined),
  });
  const refuse = () => unary<unknown, never>(async () => Promise.reject(fail(errors.UNLUCKY)));
  w.server.addService(MatchEngineApiService, {
    registerClient: unary(async (request) => {
      w.last = request;
      return { ver: 0, status: 1 as const, sessionCookie: 'a.b.c', tokenServerUri: '' };
    }),
    findCloudlet: refuse(),
    verifyLocation: refuse(),
    getLocation: refuse(),
    addUserToGroup: refuse(),
    getAppInstList: refuse(),
    getFqdnList: refuse(),
    reportLatency: refuse(),
    watchCloudlet: serverStream(async () => undefined),
  });
}

const cli = suite<World>('edgectl');

cli.before.each(async (w) => {
  w.server = new RpcServer({ logger: silentLogger, name: 'scripted' });
  w.flavors = new Map();
  w.calls = [];
  serve(w);
  w.address = await w.server.listen('127.0.0.1:0');
});

cli.after.each((w) => w.server.stop());

async function run(w: World, args: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const result = { status: 0, out: '', err: '' };
  result.status = await runCli(
    ['--addr', w.address, ...args],
    {
      out: async (text) => {
        result.out += text;
      },
      err: async (text) => {
        result.err += text;
      },
      read: async (path) => files[path] ?? Promise.reject(new Error(`no such file: ${path}`)),
      interactive: files['-'] === undefined,
    },
    '1.2.3',
  );
  return result;
}

const FLAVOR = ['--key-name', 'x1', '--ram', '1024', '--vcpus', '2'];

cli('a call by its name, and by verb and object', async (w) => {
  assert.equal(await run(w, ['controller', 'CreateFlavor', ...FLAVOR]), { status: 0, out: '', err: '' });
  assert.is((w.last as Flavor).ram, 1024n);
  const again = await run(w, ['controller', 'create', 'flavor', ...FLAVOR]);
  assert.equal(again, { status: 1, out: '', err: 'Error: CreateFlavor failed: Key already exists\n' });
  const yaml = '- key:\n    name: x1\n  ram: 1024\n  vcpus: 2\n';
  for (const show of [['ShowFlavor'], ['showflavor'], ['show', 'flavor'], ['Show', 'flavor']])
    assert.equal(await run(w, ['controller', ...show]), { status: 0, out: yaml, err: '' });
  assert.is((await run(w, ['controller', 'ShowFlavor', '--key-name', 'other'])).out, '');
  await run(w, ['controller', 'update', 'flavor', '--key-name', 'x1', '--ram', '2048']);
  assert.equal((w.last as Flavor).fields, ['2.1', '3']);
  const compact = await run(w, ['controller', 'ShowFlavor', '--output-format', 'json-compact']);
  assert.is(compact.out, '[{"key":{"name":"x1"},"ram":2048}]\n');
});

cli('progress is printed line by line, an error after it', async (w) => {
  const name = (text: string) => ['--key-appkey-name', text];
  const good = await run(w, ['controller', 'CreateAppInst', ...name('good')]);
  assert.equal(good, { status: 0, out: 'Creating\nReady\n', err: '' });
  const bad = await run(w, ['controller', 'CreateAppInst', ...name('unlucky')]);
  const text = 'Error: CreateAppInst failed: Encountered failures: [no luck]\n';
  assert.equal(bad, { status: 1, out: 'Creating\n', err: text });
  const json = await run(w, ['--output-format', 'json', 'controller', 'DeleteAppInst', ...name('good')]);
  assert.is(json.out, '{"message":"Creating"}\n{"message":"Ready"}\n');
});

cli('a stream that is no progress is one list', async (w) => {
  const made = await run(w, ['controller', 'CreateCloudlet', '--location-longitude', '-96']);
  assert.equal(made, { status: 0, out: '- message: Created successfully\n', err: '' });
});

cli('a show takes limit, after, zero and wildcards', async (w) => {
  const after = '{"name":"x1"}';
  const args = ['--limit', '3', '--after', after, '--zero', 'ram,disk', '--wildcards'];
  assert.is((await run(w, ['controller', 'ShowFlavor', ...args])).status, 0);
  const { 'edgeplane-limit': limit, 'edgeplane-after': last, 'edgeplane-zero': zero } = w.metadata;
  assert.equal([limit, last, zero, w.metadata['edgeplane-wildcards']], ['3', after, 'ram,disk', 'true']);
  assert.is((await run(w, ['controller', 'ShowFlavor'])).status, 0);
  assert.not.ok(Object.keys(w.metadata).some((name) => name.startsWith('edgeplane')));
});

cli('the match engine is called the same way', async (w) => {
  const made = await run(w, [
    'dme',
    'registerclient',
    '--devname',
    'd',
    '--appname',
    'a',
    '--appvers',
    '1.0',
  ]);
  assert.equal(made, { status: 0, out: 'status: RsSuccess\nsessioncookie: a.b.c\n', err: '' });
  assert.is((w.last as { appVers: string }).appVers, '1.0');
});

const FILE = `
appinstances: [{ key: { app_key: { name: good } } }]
flavors: [{ key: { name: a } }, { key: { name: b } }]
cloudlets: [{ key: { name: site } }]
`;

cli('a file is created in order and deleted in reverse', async (w) => {
  const made = await run(w, ['controller', 'create', '-f', 'x.yaml'], { 'x.yaml': FILE });
  assert.is(made.err, '');
  assert.equal(w.calls, [
    'create flavor a',
    'create flavor b',
    'create cloudlet site',
    'create appinst good',
  ]);
  assert.is(
    made.out,
    'flavor a: created\nflavor b: created\ncloudlet site: Created successfully\ncloudlet site: created\nappinst good: Creating\nappinst good: Ready\nappinst good: created\n',
  );
  w.calls = [];
  const gone = await run(w, ['controller', 'Delete', '-f', '-'], { '-': FILE });
  assert.is(gone.status, 0, gone.err);
  assert.equal(w.calls, [
    'delete appinst good',
    'delete cloudlet site',
    'delete flavor b',
    'delete flavor a',
  ]);
});

cli('create stops at what exists; apply, or --ignore-existing, goes on', async (w) => {
  const files = { 'x.yaml': FILE };
  await run(w, ['controller', 'CreateFlavor', '--key-name', 'a']);
  w.calls = [];
  const stopped = await run(w, ['controller', 'create', '-f', 'x.yaml'], files);
  assert.is(stopped.status, 1);
  assert.is(stopped.err, 'Error: CreateFlavor failed: Key already exists (flavor a, x.yaml:3:11)\n');
  assert.equal(w.calls, ['create flavor a']);
  const on = await run(w, ['controller', 'create', '--ignore-existing', '-f', 'x.yaml'], files);
  assert.is(on.status, 0, on.err);
  assert.match(on.out, /^flavor a: exists\nflavor b: created\n/);
  const applied = await run(w, ['controller', 'apply'], { '-': FILE });
  assert.is(applied.status, 0);
  assert.match(applied.out, /^flavor a: exists\nflavor b: exists\n/);
});

cli('apply does not take an instance whose creation failed for one that exists', async (w) => {
  const text = 'appinstances: [{ key: { app_key: { name: failed-before } } }]';
  const applied = await run(w, ['controller', 'apply', '-f', 'x'], { x: text });
  assert.is(applied.status, 1);
  assert.match(applied.out, 'appinst failed-before: Previous create failed, [no luck]\n');
});

cli('nothing is called when any of a file is wrong', async (w) => {
  const text = `${FILE}apps:\n- rum: 1\n`;
  const { status, err } = await run(w, ['controller', 'create', '-f', 'x.yaml'], { 'x.yaml': text });
  assert.is(status, 2);
  assert.is(err, 'Error: x.yaml:6:3: apps[0].rum: no such field in App\n');
  assert.equal(w.calls, []);
});

const WRONG: readonly (readonly [readonly string[], number, RegExp])[] = [
  [['controller', 'ShowNothing'], 2, /^Error: unknown command 'ShowNothing'/],
  [['nowhere'], 2, /unknown command 'nowhere'/],
  [['controller', 'CreateFlavr'], 2, /Did you mean .*CreateFlavor/],
  [['controller', 'ShowFlavor', '--nosuch', 'x'], 2, /unknown option '--nosuch'/],
  [['controller', 'ShowFlavor', '--key-name'], 2, /'--key-name <text>' argument missing/],
  [['controller', 'ShowFlavor', 'extra'], 2, /too many arguments/],
  [['controller', 'create', 'flavour'], 2, /cannot create "flavour" \(one of app, appinst/],
  [['controller', 'create', 'flavor', '--ram', 'lots'], 2, /Invalid value for --ram/],
  [['controller', 'create'], 2, /create needs an object with flags, or -f with a file/],
  [['controller', 'create', 'flavor', '-f', 'x'], 2, /create: --file is for files/],
  [['controller', 'create', '-f', 'nowhere'], 1, /cannot read nowhere: no such file/],
  [['--output-format', 'xml', 'controller', 'ShowFlavor'], 2, /--output-format: "xml"/],
  [['--tls', '/nowhere.crt', 'controller', 'ShowFlavor'], 1, /\/nowhere\.crt/],
  [['--addr', 'here', 'controller', 'ShowFlavor'], 2, /bad address "here"/],
  [
    ['--addr', '127.0.0.1:1', 'controller', 'ShowFlavor'],
    1,
    /^Error: ShowFlavor failed: .*127\.0\.0\.1:1\n$/,
  ],
  [['controller', 'ShowApp'], 1, /^Error: ShowApp failed: unknown service edgeproto\.AppApi\n$/],
  [['dme', 'findcloudlet'], 1, /^Error: FindCloudlet failed: Encountered failures: \[no luck\]\n$/],
];

for (const [args, status, pattern] of WRONG) {
  cli(`${args.join(' ')} ends with ${status}`, async (w) => {
    const result = await run(w, args);
    assert.match(result.err, pattern);
    assert.is(result.status, status, result.err);
    assert.is(result.out, '');
  });
}

cli('help and version are no errors', async (w) => {
  assert.equal(await run(w, ['--version']), { status: 0, out: 'edgectl 1.2.3\n', err: '' });
  const help = await run(w, ['controller', 'CreateFlavor', '--help']);
  assert.is(help.status, 0);
  assert.match(help.out, /--key-name <text> +key\.name/);
});

cli.run();
