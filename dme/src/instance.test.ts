import { OBJECTS } from '@edgeplane/objects';
import { FindCloudletReply, FindCloudletReply_FindStatus } from '@edgeplane/proto/dme/app-client.js';
import { AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS, appInst, CLOUDLETS } from './fixtures.js';
import { StoredInstance } from './instance.js';
import { EMPTY_LOC } from './place.js';
import { Sites } from './sites.js';
import { WireFields } from './wire-fields.js';

function stored(inst: AppInst, wire = OBJECTS.AppInst.toWire(inst)): StoredInstance {
  return new StoredInstance(
    'name',
    new Sites().take(inst),
    'app',
    { state: inst.state, isOffered: true },
    wire,
  );
}

const [BUCKHORN] = CLOUDLETS;
if (!BUCKHORN) throw new RangeError('no cloudlet');
const INST = appInst(APPS.untomt, BUCKHORN);

test('an instance has what its AppInst has, and its answer says that', () => {
  const uri = fc.string({ unit: 'grapheme', maxLength: 200 });
  const port = fc.record(
    {
      proto: fc.constantFrom(LProto.L_PROTO_TCP, LProto.L_PROTO_HTTP),
      internalPort: fc.nat(65535),
      publicPort: fc.nat(65535),
      pathPrefix: fc.string({ maxLength: 150 }),
      fqdnPrefix: fc.string(),
    },
    { noNullPrototype: true },
  );
  const location = fc.record({
    ...{ latitude: fc.double({ noNaN: true }), longitude: fc.double({ noNaN: true }) },
    altitude: fc.double({ noNaN: true }),
    timestamp: fc.option(
      fc.record({ seconds: fc.bigInt(0n, 2n ** 62n), nanos: fc.nat(999) }, { noNullPrototype: true }),
      {
        nil: undefined,
      },
    ),
  });
  const rest = fc.record({ errors: fc.array(fc.string()), state: fc.constantFrom(0, 5, 11) });
  fc.assert(
    fc.property(uri, fc.array(port, { maxLength: 5 }), location, rest, (u, ports, loc, more) => {
      const inst = {
        ...{ ...INST, ...more, state: more.state as TrackedState, uri: u },
        ...{ mappedPorts: ports, cloudletLoc: { ...EMPTY_LOC, ...loc } },
      };
      const wire = OBJECTS.AppInst.toWire(inst);
      const instance = stored(inst, wire);
      assert.is(instance.uri, u);
      assert.equal(instance.ports, ports);
      assert.equal(instance.location, inst.cloudletLoc);
      assert.equal(Buffer.from(instance.wire), Buffer.from(wire));
      assert.equal(FindCloudletReply.decode(instance.encodedReply()), {
        ...{ ver: 0, status: FindCloudletReply_FindStatus.FIND_FOUND, fqdn: u, ports },
        cloudletLocation: inst.cloudletLoc,
        candidates: [],
      });
    }),
  );
});

test('members in any order, unknown ones among them, are found; an instance at no place has an empty one', () => {
  const parts: Record<string, Partial<AppInst>> = {
    loc: { cloudletLoc: { ...EMPTY_LOC, latitude: 3 } },
    port: { mappedPorts: [AppPort.create({ internalPort: 1 })] },
    uri: { uri: 'x' },
  };
  const bytesOf = (name: string) => AppInst.encode(AppInst.create(parts[name] ?? {})).finish();
  // Field 200: a varint, eight bytes, a text, four bytes.
  const unknown = Buffer.from('c00cff01c10c0102030405060708c20c0161c50c01020304', 'hex');
  const wire = Buffer.concat([
    unknown,
    bytesOf('uri'),
    bytesOf('port'),
    unknown,
    bytesOf('port'),
    bytesOf('loc'),
  ]);
  const instance = stored(INST, wire);
  assert.is(instance.uri, 'x');
  assert.is(instance.ports.length, 2);
  assert.is(instance.location.latitude, 3);
  assert.equal(stored(INST, bytesOf('uri')).location, Loc.create());
  assert.ok(FindCloudletReply.decode(stored(INST, bytesOf('uri')).encodedReply()).cloudletLocation);
});

test('what ends too early has the fields before that', () => {
  const wire = Buffer.from(OBJECTS.AppInst.toWire(INST)).toString('latin1');
  const fieldsOf = (text: string) => {
    const field = new WireFields(text);
    const found: object[] = [];
    while (field.next()) found.push({ ...field });
    return found;
  };
  const all = fieldsOf(wire);
  for (let length = 0; length < wire.length; length++) {
    const some = fieldsOf(wire.slice(0, length));
    assert.equal(some, all.slice(0, some.length));
  }
});

test('cloudlets are kept once, and as long as somebody is there', () => {
  const sites = new Sites();
  const [one, other] = [sites.take(INST), sites.take(appInst(APPS.ever, BUCKHORN))];
  assert.is(one, other);
  assert.is(sites.size, 1);
  sites.release(one);
  assert.is(sites.size, 1);
  sites.release(other);
  assert.is(sites.size, 0);
});

test.run();
