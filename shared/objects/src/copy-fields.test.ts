import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { anyMessage } from './arbitrary.js';
import { ALL_OBJECTS, OBJECTS } from './index.js';

test('ids of all leaves', () => {
  assert.equal(OBJECTS.Flavor.leafIds(), ['2.1', '3', '4', '5', '100']);
  assert.ok(OBJECTS.AppInst.leafIds().includes('2.4.2.1.1'));
  assert.ok(OBJECTS.Cloudlet.leafIds().includes('5.8.1'));
  assert.ok(OBJECTS.CloudletRefs.leafIds().includes('8.2'));
});

for (const type of ALL_OBJECTS) {
  const withoutOneof = type.schema.fields.every((f) => !f.oneof);
  if (!withoutOneof) continue;
  test(`${type.name}: all leaves copy everything, none copies nothing, source and target stay as they were`, () => {
    fc.assert(
      fc.property(anyMessage(type.schema), anyMessage(type.schema), (target, source) => {
        const before = [type.toStored(target), type.toStored(source)];
        assert.equal(type.copyFields(target, source, type.mask([])), target);
        const all = type.schema.fields.filter((f) => f.name !== 'fields').map((f) => String(f.no));
        assert.equal(type.copyFields(target, source, type.mask(all)), source);
        assert.equal([type.toStored(target), type.toStored(source)], before);
      }),
      { numRuns: 40 },
    );
  });

  test(`${type.name}: one leaf changes at most that leaf, and a parent means its subtree`, () => {
    fc.assert(
      fc.property(
        anyMessage(type.schema),
        anyMessage(type.schema),
        fc.constantFrom(...type.leafIds()),
        (target, source, leaf) => {
          const once = type.copyFields(target, source, type.mask([leaf]));
          // Repeating changes nothing, and the leaf's top field is all that may differ.
          assert.equal(type.copyFields(once, source, type.mask([leaf])), once);
          const top = leaf.split('.')[0] ?? '';
          const whole = type.copyFields(target, source, type.mask([top]));
          for (const field of type.schema.fields) {
            const have = (once as Record<string, unknown>)[field.prop];
            const parent = (whole as Record<string, unknown>)[field.prop];
            if (String(field.no) !== top) {
              assert.equal(have, target[field.prop]);
              assert.equal(parent, target[field.prop]);
            } else assert.equal(parent, source[field.prop]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
}

test('lists can be cleared, and a child id replaces the list', () => {
  const app = { ...OBJECTS.App.empty(), configs: [{ kind: 'a', config: 'b' }] };
  const cleared = { ...OBJECTS.App.empty() };
  assert.equal(OBJECTS.App.copyFields(app, cleared, OBJECTS.App.mask(['21'])).configs, []);
  assert.equal(OBJECTS.App.copyFields(app, cleared, OBJECTS.App.mask(['21.1', '21.2'])).configs, []);
});

test('a listed parent copies its subtree', () => {
  const app = { ...OBJECTS.App.empty(), defaultFlavor: { name: 'new' } };
  assert.is(
    OBJECTS.App.copyFields(OBJECTS.App.empty(), app, OBJECTS.App.mask(['9'])).defaultFlavor?.name,
    'new',
  );
});

test('one coordinate changes alone', () => {
  const at = (latitude: number, longitude: number) => {
    const cloudlet = OBJECTS.Cloudlet.empty();
    if (cloudlet.location) Object.assign(cloudlet.location, { latitude, longitude });
    return cloudlet;
  };
  const moved = OBJECTS.Cloudlet.copyFields(at(1, 2), at(3, 4), OBJECTS.Cloudlet.mask(['5.1']));
  assert.is(moved.location?.latitude, 3);
  assert.is(moved.location?.longitude, 2);
});

test('an id that does not exist is refused by name', () => {
  assert.throws(() => OBJECTS.Flavor.mask(['3', '9.1']), /fields: Flavor has no field "9\.1"/);
  assert.throws(() => OBJECTS.Flavor.mask(['1']), /has no field "1"/);
});

test.run();
