import { CODECS, OBJECTS } from '@edgeplane/objects';
import { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isWithin, MOST_FIELDS } from './fields.js';
import { make } from './testing.js';
import { emptyNotice, encodeNotice } from './v2/notices.js';
import { checkedBody, decodeNotice } from './wire.js';

const NOTICE = 'edgeproto.Notice';

test('fields of messages in messages count, and so do packed numbers', () => {
  const held = Array.from({ length: 10 }, () => ({
    type: '',
    lineage: '',
    revision: 0n,
    digest: undefined,
    newest: 0n,
  }));
  const hello = {
    ...{ node: '', dataModel: '', types: [], lineage: '', scope: [], lastServer: '' },
    ...{ held, revisions: [1n, 2n, 3n], session: 0n, whole: [], scopeNumber: 0, origins: [], path: [] },
  };
  const bytes = encodeNotice({ hello });
  // The hello, the list of revisions and its three numbers, ten times what is held.
  assert.ok(isWithin(bytes, NOTICE, bytes.length - 1));
  assert.ok(isWithin(bytes, NOTICE, 15));
  assert.not.ok(isWithin(bytes, NOTICE, 14));
  const sums = { type: 0, mark: { $case: 'buckets' as const, value: { sums: [1, 2, 3, 4] } } };
  const marks = encodeNotice({ sync: [{ ...sums, revision: 0n, scope: 0 }] });
  // The mark, the buckets in it, the sums in those, and four of them.
  assert.ok(isWithin(marks, NOTICE, 7));
  assert.not.ok(isWithin(marks, NOTICE, 6));
});

test('a notice or object that would take far more memory than its bytes is refused by name', () => {
  // Empty changes, of three bytes each.
  const bomb = Buffer.alloc(3 * (MOST_FIELDS + 1), Buffer.from('aa0600', 'hex'));
  assert.throws(() => decodeNotice(bomb), /notice of more than 100000 fields/);
  assert.is(decodeNotice(bomb.subarray(0, 3 * MOST_FIELDS)).changes.length, MOST_FIELDS);
  const ports = OBJECTS.AppInst.schema.fields.find(({ prop }) => prop === 'mappedPorts');
  assert.ok(ports?.repeated);
  const tag = Buffer.from([(((ports?.no ?? 0) << 3) | 2) & 0xff, 0]);
  assert.throws(
    () => checkedBody(Buffer.alloc(2 * (MOST_FIELDS + 1), tag), OBJECTS.AppInst.fullName),
    /more than 100000 fields/,
  );
});

test('what is honest is not refused for its size', () => {
  const manifest = { ...make.app('a'), deploymentManifest: 'm'.repeat(3_000_000) };
  const body = Buffer.from(CODECS.App.encode(manifest).finish());
  assert.ok(isWithin(body, OBJECTS.App.fullName));
  const any = { typeUrl: 'x/edgeproto.App', value: body };
  assert.is(
    decodeNotice(Buffer.from(Notice.encode({ ...emptyNotice(), any }).finish())).any?.value.length,
    body.length,
  );
});

test.run();
