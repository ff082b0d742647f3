import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { apiFailure } from './api-faults.js';
import { demultiplex, jsonLines } from './api-streams.js';
import { fullName, parseImageRef } from './image-ref.js';

const frame = (stream: number, text: string) => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

test('an attach stream is taken apart', () => {
  const body = Buffer.concat([frame(1, 'a\n'), frame(2, 'b\n'), frame(1, 'c\n')]);
  assert.equal(demultiplex(body), { stdout: 'a\nc\n', stderr: 'b\n', all: 'a\nb\nc\n' });
  assert.equal(demultiplex(Buffer.from('plain text')).stdout, 'plain text');
});

test('JSON lines survive any cut', async () => {
  const bytes = Buffer.from('{"a":"é"}\n{"a":2}');
  const seen: unknown[] = [];
  for await (const value of jsonLines(Readable.from([...bytes].map((b) => Buffer.from([b])))))
    seen.push(value);
  assert.equal(seen, [{ a: 'é' }, { a: 2 }]);
});

const refusal = (status: number, message: string, name = 'web') =>
  apiFailure({
    status,
    body: Buffer.from(JSON.stringify({ message })),
    kind: 'container',
    name,
    action: 'do it',
  });

test('refusals name the object', () => {
  assert.is(refusal(404, 'no such container').message, 'container "web" not found');
  assert.is(
    refusal(404, 'unable to find network with name or ID n: network not found').message,
    'network "n" not found',
  );
  assert.match(refusal(500, 'x/y:1: image not known').message, 'image "x/y:1" is not available');
  assert.match(
    refusal(500, 'cannot listen on the TCP port: listen tcp4 127.0.0.1:80: bind: address already in use')
      .message,
    'host port 80 wanted by "web" is already in use',
  );
  assert.is(refusal(500, 'the name "web" is already in use by 1').code, 'PODMAN_CONFLICT');
  assert.is(refusal(500, 'disk on fire').message, 'podman could not do it: disk on fire');
});

test('image references', () => {
  assert.is(fullName('nginx'), 'docker.io/library/nginx:latest');
  assert.is(fullName('me/app:1'), 'docker.io/me/app:1');
  assert.is(fullName('localhost:5000/app'), 'localhost:5000/app:latest');
  assert.is(fullName('ghcr.io/a/b@sha256:12'), 'ghcr.io/a/b@sha256:12');
  assert.equal(parseImageRef('oci:/x/y'), { kind: 'layout', path: '/x/y' });
  assert.throws(() => parseImageRef('docker-archive:x.tar'), /path must be absolute/);
  assert.throws(() => parseImageRef('--root=/'), /must be an image reference/);
});

test.run();
