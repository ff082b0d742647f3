import { readFileSync } from 'node:fs';
import * as oldService from '@edgeplane/proto/southbound/flintlock-2021/services/microvm/v1alpha1/microvms.js';
import * as oldTypes from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import * as currentService from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import * as currentTypes from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cmdlineOf, cmdlineText, cmdlineWords } from './cmdline.js';
import { oldOf, oldSpecOf, specOf2021 } from './codec-2021.js';
import { currentOf, currentSpecOf, specOfCurrent } from './codec-current.js';
import { FRESH_STATUS, type Microvm, type MicrovmSpec } from './model.js';

interface Vector {
  readonly dialect: 'old' | 'head';
  readonly message: string;
  readonly hex: string;
}
const path = new URL('../../../../test/contract/facts/flintlock-vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(path, 'utf8')) as Vector[];

interface Form {
  decode(bytes: Uint8Array): unknown;
  encode(message: never): { finish(): Uint8Array };
}
const FORMS = { old: oldService, head: currentService } as unknown as Record<string, Record<string, Form>>;

const vmOf = (spec: MicrovmSpec): Microvm => ({
  ...{ uid: '01FZZJV1XD2FKH2KY0NDB4MBRQ', version: 3, generation: 1, askedDigest: '', createdAt: 1500 },
  spec,
  status: FRESH_STATUS,
});

/** What of a specification is the caller's. */
const ofCaller = (wire: object) => ({
  ...wire,
  ...{ createdAt: undefined, updatedAt: undefined, deletedAt: undefined, uid: undefined },
});

vectors.forEach(({ dialect, message, hex }, i) => {
  test(`vector ${i + 1}: ${dialect} ${message} comes back as it was`, () => {
    const form = FORMS[dialect]?.[message.split('.').at(-1) ?? ''];
    assert.ok(form);
    const decoded = form.decode(Buffer.from(hex, 'hex'));
    const encoded = Buffer.from(form.encode(decoded as never).finish());
    assert.equal(form.decode(encoded), decoded);
    // An empty value of a map may be left out; the rest is the same to the byte.
    if (!hex.includes('7175696574')) assert.is(encoded.toString('hex'), hex);
  });
});

test('what a caller of a vector asks for is told back in the same words', () => {
  const request = (dialect: string) =>
    Buffer.from(vectors.find((v) => v.dialect === dialect && v.message.includes('Create'))?.hex ?? '', 'hex');
  const old = oldService.CreateMicroVMRequest.decode(request('old')).microvm;
  const now = currentService.CreateMicroVMRequest.decode(request('head')).microvm;
  assert.ok(old && now);
  assert.equal(ofCaller(oldSpecOf(vmOf(specOf2021(old)))), ofCaller(old));
  assert.equal(ofCaller(currentSpecOf(vmOf(specOfCurrent(now)))), ofCaller(now));
});

const text = fc.string({ maxLength: 8 });
const map = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  text,
  { maxKeys: 3, noNullPrototype: true },
);
const some = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
const integer = fc.integer({ min: -5, max: 1 << 30 });

const currentSpecs = fc.record({
  ...{ id: text, namespace: text, labels: map, vcpu: integer, memoryInMb: integer, metadata: map },
  kernel: fc.record({ image: text, cmdline: map, filename: text, addNetworkConfig: fc.boolean() }),
  initrd: some(fc.record({ image: text, filename: text })),
  rootVolume: fc.record({
    ...{
      id: fc.string({ minLength: 1 }),
      isReadOnly: fc.boolean(),
      mountPoint: some(fc.string({ minLength: 1 })),
    },
    source: fc.record({ containerSource: some(text), virtiofsSource: some(text) }),
    ...{ partitionId: some(text), sizeInMb: some(integer) },
  }),
  interfaces: fc.array(
    fc.record({
      ...{ deviceId: text, type: fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1> },
      guestMac: some(fc.string({ minLength: 1 })),
      address: some(fc.record({ address: text, gateway: some(text), nameservers: fc.array(text) })),
      overrides: some(fc.record({ bridgeName: fc.string({ minLength: 1 }) })),
    }),
    { maxLength: 3 },
  ),
  provider: some(fc.string({ minLength: 1 })),
  allowGuestAgent: fc.boolean(),
});

test('property: the current dialect says back what it was told', () => {
  fc.assert(
    fc.property(currentSpecs, (partial) => {
      const wire = currentTypes.MicroVMSpec.fromPartial(partial as currentTypes.MicroVMSpec);
      assert.equal(ofCaller(currentSpecOf(vmOf(specOfCurrent(wire)))), ofCaller(wire));
    }),
  );
});

test('property: the dialect of 2021 says back what it was told, and each can show what the other has', () => {
  const volumes = fc.array(
    fc.record({
      ...{ id: text, isRoot: fc.boolean(), isReadOnly: fc.boolean(), mountPoint: text },
      source: fc.record({ containerSource: some(text) }),
      ...{ partitionId: some(text), sizeInMb: some(integer) },
    }),
    { maxLength: 3 },
  );
  const interfaces = fc.array(
    fc.record({
      ...{ guestDeviceName: text, type: fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1> },
      allowMetadataReq: fc.boolean(),
      ...{ guestMac: some(fc.string({ minLength: 1 })), address: some(fc.string({ minLength: 1 })) },
    }),
    { maxLength: 3 },
  );
  const kernel = fc.record({ image: text, cmdline: text, filename: text, addNetworkConfig: fc.boolean() });
  fc.assert(
    fc.property(currentSpecs, kernel, volumes, interfaces, (shared, own, vols, nics) => {
      const { rootVolume: _, provider: __, allowGuestAgent: ___, ...common } = shared;
      const partial = { ...common, kernel: own, volumes: vols, interfaces: nics };
      const wire = oldTypes.MicroVMSpec.fromPartial(partial as oldTypes.MicroVMSpec);
      const vm = vmOf(specOf2021(wire));
      assert.equal(ofCaller(oldSpecOf(vm)), ofCaller(wire));
      const shown = currentOf(vm);
      assert.equal([shown.spec?.uid, shown.status?.state, shown.version], [vm.uid, 0, 3]);
      assert.is(oldOf(vm).status?.state, 0);
    }),
  );
});

test('a status is told whole, and a deletion as far as a dialect has a word for it', () => {
  const vm = vmOf(specOf2021(oldTypes.MicroVMSpec.create()));
  const status = {
    state: 'deleting' as const,
    volumes: { root: { type: 'dev' as const, source: '/dev/x' } },
    kernelMount: { type: 'hostpath' as const, source: '/k' },
    links: { eth1: { hostDevice: 'tap0', index: 7, mac: '0e:0b:79:98:90:c0' } },
    ...{ retry: 2, reason: 'why', nextAttemptAt: 2500 },
  };
  const shown = { ...vm, status, updatedAt: 1, deletedAt: 2000 };
  const now = currentOf(shown);
  assert.is(now.status?.state, currentTypes.MicroVMStatus_MicroVMState.DELETING);
  assert.equal(now.status?.networkInterfaces, {
    eth1: { hostDeviceName: 'tap0', index: 7, macAddress: '0E:0B:79:98:90:C0' },
  });
  assert.equal(now.status?.volumes, { root: { mount: { type: 0, source: '/dev/x' } } });
  assert.equal([now.status?.retry, now.status?.failureReason], [2, 'why']);
  assert.equal(now.status?.nextAttemptAt, { seconds: 2n, nanos: 500_000_000 });
  assert.equal(now.spec?.deletedAt, { seconds: 2n, nanos: 0 });
  assert.is(oldOf(shown).status?.state, oldTypes.MicroVMStatus_MicroVMState.CREATED);
});

test('a command line: defaults in one dialect, word for word in the other', () => {
  const facts = { root: '/dev/vda', readOnlyRoot: false, metadata: false, pci: true };
  const words = { panic: '5', quiet: '', dyndbg: 'file a +p' };
  assert.is(
    cmdlineOf({ kind: 'words', words }, facts),
    'console=ttyS0 dyndbg="file a +p" panic=5 quiet reboot=t root=/dev/vda rw',
  );
  assert.is(
    cmdlineOf({ kind: 'words', words: { ro: '', pci: 'off' } }, { ...facts, metadata: true }),
    'console=ttyS0 ds=nocloud-net;s=http://169.254.169.254/latest/ panic=1 reboot=t ro root=/dev/vda',
  );
  const given = { kind: 'text', text: 'b  a=1 pci=off' } as const;
  assert.is(cmdlineOf(given, { ...facts, networkConfig: 'eA==' }), 'b a=1 network-config=eA==');
  assert.is(cmdlineOf(given, { ...facts, pci: false }), 'b a=1 pci=off');
});

test('property: parameters become text and parameters again', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,8}$/);
  const value = fc.stringMatching(/^[a-z0-9 =;/:.]{0,12}$/).map((v) => v.trim());
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (words) => {
      assert.equal(cmdlineWords(cmdlineText(words)), words);
    }),
  );
});

test.run();
