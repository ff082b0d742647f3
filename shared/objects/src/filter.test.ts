import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { anyMessage } from './arbitrary.js';
import { ALL_OBJECTS, OBJECTS } from './index.js';

for (const type of ALL_OBJECTS) {
  test(`${type.name}: the empty filter and the object itself match`, () => {
    fc.assert(
      fc.property(anyMessage(type.schema), (object) => {
        assert.ok(type.matches(type.empty(), object));
        assert.ok(type.matches(object, object));
      }),
      { numRuns: 40 },
    );
  });
}

/** What a set scalar of the filter says must be so in the object; spelt out for Flavor as an independent oracle. */
test('Flavor: a filter matches exactly when every set member is equal', () => {
  const { Flavor } = OBJECTS;
  const small = fc.record({
    name: fc.constantFrom('', 'a', 'b'),
    ram: fc.constantFrom(0n, 1n),
    vcpus: fc.constantFrom(0n, 1n),
    disk: fc.constantFrom(0n, 1n),
  });
  const make = (v: { name: string; ram: bigint; vcpus: bigint; disk: bigint }) => ({
    ...Flavor.empty(),
    key: { name: v.name },
    ram: v.ram,
    vcpus: v.vcpus,
    disk: v.disk,
  });
  fc.assert(
    fc.property(small, small, (filter, object) => {
      const want =
        (filter.name === '' || filter.name === object.name) &&
        (filter.ram === 0n || filter.ram === object.ram) &&
        (filter.vcpus === 0n || filter.vcpus === object.vcpus) &&
        (filter.disk === 0n || filter.disk === object.disk);
      assert.is(Flavor.matches(make(filter), make(object)), want);
    }),
  );
});

test('locations, runtime information and timestamps are never compared', () => {
  const { AppInst } = OBJECTS;
  const filter = AppInst.empty();
  if (filter.cloudletLoc) filter.cloudletLoc.latitude = 7;
  filter.runtimeInfo = { containerIds: ['x'] };
  filter.createdAt = { seconds: 5n, nanos: 0 };
  assert.ok(AppInst.matches(filter, AppInst.empty()));
});

test('lists of messages compare by length, lists of texts by content', () => {
  const { App, CloudletInfo, CloudletRefs } = OBJECTS;
  const config = (kind: string) => ({ kind, config: '' });
  assert.ok(
    App.matches({ ...App.empty(), configs: [config('a')] }, { ...App.empty(), configs: [config('b')] }),
  );
  assert.not(App.matches({ ...App.empty(), configs: [config('a')] }, App.empty()));
  assert.not(
    CloudletInfo.matches(
      { ...CloudletInfo.empty(), errors: ['a', 'b'] },
      { ...CloudletInfo.empty(), errors: ['b', 'a'] },
    ),
  );
  const refs = { ...CloudletRefs.empty(), rootLbPorts: { 80: 1 }, clusters: [{ name: 'c' }] };
  assert.ok(CloudletRefs.matches(refs, refs));
  assert.not(CloudletRefs.matches(refs, { ...refs, rootLbPorts: { 80: 2 } }));
  assert.not(CloudletRefs.matches(refs, { ...refs, clusters: [{ name: 'd' }] }));
});

test.run();
