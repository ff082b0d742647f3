import { OBJECTS } from '@edgeplane/objects';
import { NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { make } from './testing.js';
import {
  dataNotice,
  decodeNotice,
  fullTypeName,
  messageNotice,
  SENDALL_END_NOTICE,
  typeOfUrl,
  versionNotice,
} from './wire.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const text = (value: string) => Buffer.from(value).toString('hex');

test('the handshake of a client, byte by byte', () => {
  assert.is(
    hex(versionNotice(1, ['edgeproto.App', 'edgeproto.AppInst'], true)),
    `0803 1001 1a00 220d${text('edgeproto.App')} 2211${text('edgeproto.AppInst')} 2801`.replaceAll(' ', ''),
  );
});

test('the end marker has an empty Any', () => {
  assert.is(hex(SENDALL_END_NOTICE), '08041a00');
});

test('an update, byte by byte', () => {
  const value = OBJECTS.Flavor.toWire(make.flavor('f', 5n));
  // Flavor: key (2) { name (1) }, ram (3).
  assert.is(hex(value), '1203' + '0a0166' + '1805');
  const url = 'type.googleapis.com/edgeproto.Flavor';
  assert.is(
    hex(dataNotice(NoticeAction.UPDATE, 'edgeproto.Flavor', value)),
    `08011a2f0a24${text(url)}1207${hex(value)}`,
  );
});

test('a message goes as UPDATE', () => {
  const notice = decodeNotice(
    messageNotice('edgeproto.Metric', { name: 'm', timestamp: undefined, tags: [], vals: [] }, 1000),
  );
  assert.is(notice.action, NoticeAction.UPDATE);
  assert.is(notice.any?.typeUrl, 'type.googleapis.com/edgeproto.Metric');
});

test('a message that no peer would take is refused before it is sent', () => {
  assert.throws(
    () =>
      messageNotice(
        'edgeproto.Metric',
        { name: 'm'.repeat(100), timestamp: undefined, tags: [], vals: [] },
        99,
      ),
    /^notice of 1\d\d bytes is larger than the limit of 99 bytes$/,
  );
});

test('type names', () => {
  assert.is(fullTypeName('Metric'), 'edgeproto.Metric');
  assert.is(fullTypeName('edgeproto.Metric'), 'edgeproto.Metric');
  assert.is(typeOfUrl('a/b/edgeproto.App'), 'edgeproto.App');
  assert.is(typeOfUrl('/edgeproto.App'), 'edgeproto.App');
  assert.is(typeOfUrl('edgeproto.App'), undefined);
});

test('garbage is refused by name', () => {
  assert.throws(() => decodeNotice(Buffer.from('ffffffffffffffffffffffff', 'hex')), /^malformed notice: /);
  assert.throws(() => decodeNotice(Buffer.from('1a7f00', 'hex')), /^malformed notice: /);
});

test.run();
