/** No secret of any request comes out in the audit, whatever the request holds and however the call ends. */
import { createLogger } from '@edgeplane/base';
import { emptyMessage, type MessageSchema, messageSchema, SERVICES } from '@edgeplane/objects';
import { Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditLog, type AuditRecord } from './audit.js';
import { type AnyServerCall, CallContext, FORWARDED_FOR, GATEWAY_TOKEN, userOf } from './context.js';
import { withoutSecrets } from './secrets.js';

/** A message with `secret` in every field that is one, and `plain` in every other text. */
function fill(schema: MessageSchema, secret: string, plain: string, depth = 0): Record<string, unknown> {
  const message: Record<string, unknown> = { ...emptyMessage(schema) };
  for (const field of schema.fields) {
    const value = field.secret ? secret : plain;
    let filled: unknown;
    if (field.kind === 'map') filled = { name: value };
    else if (field.kind === 'message') {
      if (depth > 4) continue;
      filled = fill(messageSchema(field.type), secret, plain, depth + 1);
    } else if (field.type === 'string') filled = value;
    else continue;
    if (!field.oneof) message[field.prop] = field.repeated ? [filled, filled] : filled;
  }
  return message;
}

function hasSecret(schema: MessageSchema, depth = 0): boolean {
  return schema.fields.some(
    (f) => f.secret || (f.kind === 'message' && depth <= 4 && hasSecret(messageSchema(f.type), depth + 1)),
  );
}

const text = (value: unknown) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v));

const METHODS = Object.values(SERVICES).flatMap((service) =>
  service.methods
    .filter(({ request }) => hasSecret(messageSchema(request)))
    .map(({ name, request }) => ({ path: `/${service.name}/${name}`, schema: messageSchema(request) })),
);

test('there are methods with secrets', () => {
  const paths = METHODS.map(({ path }) => path);
  for (const path of ['/edgeproto.DeveloperApi/CreateDeveloper', '/edgeproto.ExecApi/RunCommand']) {
    assert.ok(paths.includes(path), path);
  }
});

test('no secret is in a log line or a record', () => {
  const lines: string[] = [];
  const records: AuditRecord[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => lines.push(line) } });
  const audit = new AuditLog({ sink: (record) => records.push(record) });
  const secrets = fc
    .string({ minLength: 8, maxLength: 60, unit: 'grapheme' })
    .map((text) => `s3cr3t-${text}`);
  fc.assert(
    fc.property(fc.constantFrom(...METHODS), secrets, fc.boolean(), ({ path, schema }, secret, fails) => {
      const request = fill(schema, secret, 'plain');
      const before = text(request);
      const end = audit.start(logger, path, '127.0.0.1:1', 'someone', request);
      end(fails ? new Error(`field must not be "${secret}", twice ${secret}`) : undefined);
      assert.is(text(request), before, 'the request itself stays as it is');
      const told = lines.splice(0).join('\n') + JSON.stringify(records.splice(0));
      assert.not.ok(told.includes(secret) || told.includes(JSON.stringify(secret).slice(1, -1)));
      assert.not.ok(told.includes('s3cr3t-'));
      assert.ok(told.includes('plain') || !path.includes('Developer'), 'what is no secret is there');
    }),
    { numRuns: 300 },
  );
});

test('a secret that is part of another leaves no piece of it', () => {
  assert.is(withoutSecrets('abcdefgh and abcd', ['abcd', 'abcdefgh']), '[hidden] and [hidden]');
  assert.is(withoutSecrets('an abc', ['a', 'abc']), 'an abc');
});

test('only who knows the token of the gateway may speak for others', () => {
  const peer = (token: string | undefined, shown: string | undefined) => {
    const metadata = new Metadata();
    metadata.set(FORWARDED_FOR, '192.0.2.1:9');
    if (shown !== undefined) metadata.set(GATEWAY_TOKEN, shown);
    const call = { cancelled: false, metadata, getPeer: () => '127.0.0.1:5', on: () => undefined };
    return new CallContext(call as unknown as AnyServerCall, token).peer;
  };
  assert.is(peer('t', 't'), '192.0.2.1:9');
  assert.equal([peer('t', 'x'), peer('t', undefined), peer(undefined, 't')], Array(3).fill('127.0.0.1:5'));
});

test('a caller is called by its certificate', () => {
  const identity = { commonName: 'ops', organizations: [], altNames: ['DNS:a'], fingerprint: 'F' };
  assert.equal([undefined, identity, { ...identity, commonName: '' }].map(userOf), [
    'notyet',
    'ops',
    'DNS:a',
  ]);
});

test.run();
