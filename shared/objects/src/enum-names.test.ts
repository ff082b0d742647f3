import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { camelName, computeVersionHash, currentVersionHash, enumSchema, parseEnum } from './index.js';

const VECTORS: Readonly<Record<string, string>> = {
  GPS_Location_Accuracy_KM: 'GpsLocationAccuracyKm',
  _GPSLocation: 'GpsLocation',
  LProto_TCP: 'LProtoTcp',
  LProtoTCP: 'LProtoTcp',
  FQDNs: 'FqdNs',
  FQDNPrefix: 'FqdnPrefix',
  CFKey: 'CfKey',
  fqdn: 'Fqdn',
  L_PROTO_UNKNOWN: 'LProtoUnknown',
  HASH_d41d8cd98f00b204e9800998ecf8427e: 'HashD41D8Cd98F00B204E9800998Ecf8427E',
  IGNORE_CRM_AND_TRANSIENT_STATE: 'IgnoreCrmAndTransientState',
};

test('camel names', () => {
  for (const [name, want] of Object.entries(VECTORS)) assert.is(camelName(name), want, name);
});

test('a camel name is its own camel name', () => {
  for (const camel of ['IpSupportDynamic', 'LProtoTcp', 'ImageTypeQcow', 'IgnoreCrm'])
    assert.is(camelName(camel), camel);
});

test('enum values are read in any spelling', () => {
  const proto = enumSchema('distributed_match_engine.LProto');
  for (const spelling of ['LProtoTcp', 'L_PROTO_TCP', 'LProtoTCP', '1', 1])
    assert.is(parseEnum(proto, spelling), 1);
  assert.is(parseEnum(proto, 'LProtoIcmp'), undefined);
  assert.is(parseEnum(proto, 1.5), undefined);
});

test('the data-model hash is the published one, for every salt it had', () => {
  assert.is(computeVersionHash(''), '00bdcfa956ca4ee42be87abcd8fcaf1c');
  assert.is(computeVersionHash('1'), '0d2d9c0b07ad989e96fb3b3a44924316');
  assert.is(computeVersionHash(), currentVersionHash());
});

test.run();
