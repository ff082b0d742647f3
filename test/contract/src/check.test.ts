import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { differences } from './check.js';
import type { FieldFact, Inventory, RpcFact } from './inventory.js';

const id: FieldFact = { number: 1, name: 'id', type: 'string' };
const tags: FieldFact = { number: 2, name: 'tags', type: 'string', label: 'repeated' };
const note: FieldFact = { number: 3, name: 'note', type: 'string', label: 'optional' };
const watch: RpcFact = {
  name: 'Watch',
  request: 'a.Thing',
  requestStream: false,
  response: 'a.Thing',
  responseStream: true,
  http: [{ method: 'GET', path: '/things/{id}' }],
};
const want: Inventory = {
  messages: { 'a.Thing': [id, tags, note], 'a.Nothing': [] },
  enums: { 'a.Kind': { NONE: 0, SOME: 1 } },
  services: { 'a.Things': [watch] },
};

const withFields = (...fields: FieldFact[]): Inventory => ({
  ...want,
  messages: { ...want.messages, 'a.Thing': fields },
});
const withRpcs = (...rpcs: RpcFact[]): Inventory => ({ ...want, services: { 'a.Things': rpcs } });
const withEnum = (values: Record<string, number>): Inventory => ({ ...want, enums: { 'a.Kind': values } });

const test = suite('check');

test('an equal inventory has no differences', () => {
  assert.equal(differences(want, want), []);
});

test('an absent label and an empty one are the same', () => {
  assert.equal(differences(want, withFields({ ...id, label: '' }, tags, note)), []);
});

test('additions pass', () => {
  const have: Inventory = {
    messages: {
      'a.Thing': [id, tags, note, { number: 100, name: 'more', type: 'bool' }],
      'a.Nothing': [],
      'b.X': [],
    },
    enums: { 'a.Kind': { NONE: 0, SOME: 1, MANY: 2 }, 'b.E': { ZERO: 0 } },
    services: {
      'a.Things': [
        { ...watch, http: [...(watch.http ?? []), { method: 'POST', path: '/watch' }] },
        { ...watch, name: 'More' },
      ],
      'b.S': [],
    },
  };
  assert.equal(differences(want, have), []);
});

const cases: readonly (readonly [what: string, have: Inventory, expected: string])[] = [
  [
    'a missing message',
    { ...want, messages: { 'a.Thing': [id, tags, note] } },
    'message a.Nothing is missing',
  ],
  ['a missing enum', { ...want, enums: {} }, 'enum a.Kind is missing'],
  ['a missing service', { ...want, services: {} }, 'service a.Things is missing'],
  ['a missing field', withFields(id, tags), 'field a.Thing.note = 3 is missing'],
  ['a wrong number', withFields({ ...id, number: 9 }, tags, note), 'field a.Thing.id: want number 1, have 9'],
  [
    'a wrong name',
    withFields({ ...id, name: 'uid' }, tags, note),
    'field a.Thing 1: want "string id", have "string uid"',
  ],
  [
    'a wrong type',
    withFields({ ...id, type: 'bytes' }, tags, note),
    'field a.Thing 1: want "string id", have "bytes id"',
  ],
  [
    'a lost repeated label',
    withFields(id, { ...tags, label: '' }, note),
    'field a.Thing 2: want "repeated string tags", have "string tags"',
  ],
  [
    'a lost optional label',
    withFields(id, tags, { ...note, label: '' }),
    'field a.Thing 3: want "optional string note", have "string note"',
  ],
  [
    'a label that should not be there',
    withFields({ ...id, label: 'optional' }, tags, note),
    'field a.Thing 1: want "string id", have "optional string id"',
  ],
  ['a missing enum value', withEnum({ NONE: 0 }), 'enum value a.Kind.SOME = 1 is missing'],
  ['a renumbered enum value', withEnum({ NONE: 0, SOME: 2 }), 'enum value a.Kind.SOME: want 1, have 2'],
  ['a missing rpc', withRpcs(), 'rpc a.Things/Watch is missing'],
  [
    'a lost response stream',
    withRpcs({ ...watch, responseStream: false }),
    'rpc a.Things/Watch: want (a.Thing) -> (stream a.Thing), have (a.Thing) -> (a.Thing)',
  ],
  [
    'a request stream that should not be there',
    withRpcs({ ...watch, requestStream: true }),
    'rpc a.Things/Watch: want (a.Thing) -> (stream a.Thing), have (stream a.Thing) -> (stream a.Thing)',
  ],
  [
    'a wrong request type',
    withRpcs({ ...watch, request: 'a.Nothing' }),
    'rpc a.Things/Watch: want (a.Thing) -> (stream a.Thing), have (a.Nothing) -> (stream a.Thing)',
  ],
  [
    'a wrong response type',
    withRpcs({ ...watch, response: 'a.Nothing' }),
    'rpc a.Things/Watch: want (a.Thing) -> (stream a.Thing), have (a.Thing) -> (stream a.Nothing)',
  ],
  [
    'a wrong route',
    withRpcs({ ...watch, http: [{ method: 'POST', path: '/things/{id}' }] }),
    'route GET /things/{id} of a.Things/Watch is missing; have POST /things/{id}',
  ],
  [
    'a missing route',
    withRpcs({ ...watch, http: [] }),
    'route GET /things/{id} of a.Things/Watch is missing; have none',
  ],
];

for (const [what, have, expected] of cases) {
  test(`finds ${what}`, () => {
    assert.equal(differences(want, have), [expected]);
  });
}

test('lists every difference, not just the first', () => {
  const nothing: Inventory = { messages: {}, enums: {}, services: {} };
  assert.equal(differences(want, nothing), [
    'message a.Thing is missing',
    'message a.Nothing is missing',
    'enum a.Kind is missing',
    'service a.Things is missing',
  ]);
});

test.run();
