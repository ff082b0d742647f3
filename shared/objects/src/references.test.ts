import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OBJECTS } from './index.js';

const developer = { name: 'dev' };
const appKey = { developerKey: developer, name: 'web', version: '1' };
const cloudletKey = { operatorKey: { name: 'op' }, name: 'site' };
const clusterInstKey = { clusterKey: { name: 'c' }, cloudletKey, developer: 'dev' };

test('an object refers to what its keys name, at any depth', () => {
  const inst = { ...OBJECTS.AppInst.withKey({ appKey, clusterInstKey }), flavor: { name: 'small' } };
  assert.equal(OBJECTS.AppInst.references(inst, 'App'), [OBJECTS.App.keyJson(appKey)]);
  assert.equal(OBJECTS.AppInst.references(inst, 'ClusterInst'), [
    OBJECTS.ClusterInst.keyJson(clusterInstKey),
  ]);
  assert.equal(OBJECTS.AppInst.references(inst, 'Cloudlet'), [OBJECTS.Cloudlet.keyJson(cloudletKey)]);
  assert.equal(OBJECTS.AppInst.references(inst, 'Flavor'), ['{"name":"small"}']);
  assert.equal(OBJECTS.AppInst.references(inst, 'Developer'), ['{"name":"dev"}']);
  assert.equal(OBJECTS.AppInst.references(inst, 'Controller'), []);
});

test('types that objects of a type may refer to', () => {
  assert.equal([...OBJECTS.App.referencedTypes].sort(), ['Developer', 'Flavor']);
  assert.equal([...OBJECTS.ClusterInst.referencedTypes].sort(), [
    'Cloudlet',
    'Cluster',
    'Flavor',
    'Operator',
  ]);
  assert.equal(OBJECTS.Flavor.referencedTypes, []);
});

test('lists of keys, absent keys and the same key twice', () => {
  const refs = {
    ...OBJECTS.CloudletRefs.withKey(cloudletKey),
    clusters: [{ name: 'a' }, { name: 'b' }, { name: 'a' }],
  };
  assert.equal(OBJECTS.CloudletRefs.references(refs, 'Cluster'), ['{"name":"a"}', '{"name":"b"}']);
  assert.equal(OBJECTS.App.references({ ...OBJECTS.App.empty(), defaultFlavor: undefined }, 'Flavor'), [
    '{}',
  ]);
});

test.run();
