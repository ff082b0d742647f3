/** What a Show may ask for besides its filter: pages, zero values and wildcards, by gRPC and by REST. */
import { OBJECTS, SHOW_OPTIONS } from '@edgeplane/objects';
import { Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from '../testing.js';
import { flavor } from '../testing-data.js';
import { matching } from './show.js';
import { showQuery } from './show-query.js';

const TYPE = OBJECTS.Flavor;
type Option = keyof typeof SHOW_OPTIONS;

function metadata(options: Partial<Record<Option, string>>): Metadata {
  const made = new Metadata();
  for (const [name, value] of Object.entries(options)) made.set(SHOW_OPTIONS[name as Option].metadata, value);
  return made;
}

const shows = suite<{ controller: TestController }>('show options');
shows.before(async (context) => {
  context.controller = await TestController.start({}, { httpAddr: '127.0.0.1:0' });
  for (const [name, ram] of [
    ['x1.small', 1n],
    ['x1.tiny', 2n],
    ['x2.small', 1n],
  ] as const)
    await context.controller.run('create', 'Flavor', flavor(name, ram));
});
shows.after(({ controller }) => controller.stop());

shows('pages of any size hold everything once, in order', async ({ controller }) => {
  const all = await controller.show('Flavor');
  assert.is(all.length, 3);
  for (const limit of [1, 2, 3, 4]) {
    for (const filter of [{}, { ram: 1n }]) {
      const pages: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = metadata({ limit: String(limit), ...(after !== undefined && { after }) });
        const found = await controller.show('Flavor', filter, 'showFlavor', page);
        assert.ok(found.length <= limit);
        const last = found.at(-1);
        if (!last) break;
        pages.push(...found.map(TYPE.keyJsonOf));
        after = TYPE.keyJsonOf(last);
      }
      const whole = await controller.show('Flavor', filter);
      assert.equal(pages, whole.map(TYPE.keyJsonOf));
    }
  }
  // What a page ended with may be gone when the next is asked for, or never have been.
  const after = metadata({ after: '{"name":"x1.smallest"}' });
  const found = await controller.show('Flavor', {}, 'showFlavor', after);
  assert.equal(
    found.map((f) => f.key?.name),
    ['x1.tiny', 'x2.small'],
  );
});

shows('nodes are paged too, in order, from all controllers', async ({ controller }) => {
  const nodes = async (limit: string) =>
    (await controller.show('Node', {}, 'showNode', metadata({ limit }))).length;
  assert.equal(await nodes('1'), 0);
  await controller.agent();
  assert.equal(await nodes('1'), 1);
});

shows('wildcards stand for any characters, where they are asked for', async ({ controller }) => {
  const names = async (name: string, options: Partial<Record<Option, string>> = { wildcards: 'true' }) =>
    (await controller.show('Flavor', { key: { name } }, 'showFlavor', metadata(options))).map(
      (f) => f.key?.name,
    );
  assert.equal(await names('x1.*'), ['x1.small', 'x1.tiny']);
  assert.equal(await names('*.small'), ['x1.small', 'x2.small']);
  assert.equal(await names('x1.small'), ['x1.small']);
  assert.equal(await names('x1.*', {}), []);
  assert.equal(await names('x1.*', { wildcards: 'false' }), []);
});

shows('wildcards find what a regular expression of them finds', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '.', '*'), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, (pattern, name) => {
      if (pattern === '') return;
      const { test, filter } = showQuery(
        TYPE,
        TYPE.withKey({ name: pattern }),
        metadata({ wildcards: 'true' }),
      );
      const escaped = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
      const object = TYPE.withKey({ name });
      const expected = new RegExp(`^${escaped}$`).test(name);
      assert.is(test?.(object) ?? true, expected);
      if (expected) assert.ok(TYPE.matches(filter, object));
    }),
  );
});

shows('zero values are compared where they are named, by name or by id', () => {
  const { App, AppInst } = OBJECTS;
  const apps = [
    { ...App.withKey({ developerKey: { name: 'd' }, name: 'a', version: '1' }), command: 'run' },
    App.withKey({ developerKey: { name: 'd' }, name: 'b', version: '' }),
  ];
  const found = (zero: string) =>
    matching(App, apps, showQuery(App, App.empty(), metadata({ zero }))).map((app) => app.key?.name);
  assert.equal(found('command'), ['b']);
  assert.equal(found('13'), ['b']);
  assert.equal(found('key.version, command'), ['b']);
  assert.equal(found('key.version'), ['b']);
  assert.equal(found('key'), []);
  assert.equal(found('configs'), ['a', 'b']);
  const insts = [AppInst.empty(), { ...AppInst.empty(), state: 5 as const, errors: ['x'] }];
  for (const zero of ['state', 'errors'])
    assert.is(
      matching(AppInst, insts, showQuery(AppInst, AppInst.empty(), metadata({ zero }))).length,
      1,
      zero,
    );
});

shows('what cannot be asked for is named', async ({ controller }) => {
  const refused = async (option: Option, value: string, text: string) => {
    const error: Error = await controller
      .show('Flavor', {}, 'showFlavor', metadata({ [option]: value }))
      .then(
        () => new Error('not refused'),
        (e) => e,
      );
    assert.is(error.message, `metadata edgeplane-${option}: ${text}, but got "${value}"`);
  };
  await refused('limit', '0', 'is a whole number from 1 up');
  await refused('limit', 'ten', 'is a whole number from 1 up');
  await refused('wildcards', 'yes', 'is true or false');
  await refused('zero', 'rom', 'is a list of names or ids of fields: fields: Flavor has no field "rom"');
  const after = await controller.show('Flavor', {}, 'showFlavor', metadata({ after: '{' })).then(
    () => '',
    (e: Error) => e.message,
  );
  assert.match(after, /^metadata edgeplane-after: is the key of Flavor as JSON: .*, but got "\{"$/);
});

shows('REST has them as query parameters', async ({ controller }) => {
  const url = `http://${controller.controller.addresses['http']}/show/flavor`;
  const names = async (query: string, filter: object = {}) => {
    const answer = await fetch(`${url}?${query}`, { method: 'POST', body: JSON.stringify(filter) });
    const text = await answer.text();
    return answer.ok ? [...text.matchAll(/"name": "(.*?)"/g)].map(([, name]) => name) : text;
  };
  const after = encodeURIComponent('{"name":"x1.small"}');
  assert.equal(await names(`limit=1&after=${after}`), ['x1.tiny']);
  assert.equal(await names('wildcards=true', { key: { name: '*small' } }), ['x1.small', 'x2.small']);
  assert.equal(await names('zero=ram'), []);
  assert.match(String(await names('limit=-1')), 'is a whole number from 1 up, but got \\"-1\\"');
  assert.match(String(await names('after=%C3%A4')), 'query member after must be printable ASCII');
});

shows.run();
