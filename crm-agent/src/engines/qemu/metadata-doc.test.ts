import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerMetadata, type MetadataRequest, parseRequests, renderAnswer } from './metadata-doc.js';
import type { VmSpec } from './spec.js';

const test = suite('metadata');

const spec: VmSpec = {
  id: 'vm_1',
  cpus: 1,
  memoryMib: 64,
  image: '/i',
  nics: [{ type: 'bridge', bridge: 'br0', mac: '52:00:00:00:00:01' }, { type: 'metadata' }],
  cloudInit: { instanceId: 'i-7', hostname: 'edge', userData: '#cloud-config\n', metaData: { zone: 'west' } },
};
const get = (target: string, of = spec) => answerMetadata(of, { method: 'GET', target, headers: {} });
const body = (target: string) => get(target).body;

test('EC2: lists end with a slash where there is more below, values are plain', () => {
  assert.match(body('/'), 'latest');
  assert.is(body('/latest/'), 'meta-data\nuser-data');
  assert.is(body('/latest/meta-data/'), 'hostname\ninstance-id\nlocal-hostname\nmac\nnetwork/\nzone');
  for (const version of ['latest', '2009-04-04', '2021-03-23'])
    assert.is(body(`/${version}/meta-data/instance-id`), 'i-7');
  assert.is(body('/latest/meta-data/local-hostname?x=1'), 'edge');
  assert.is(body('/latest/meta-data/network/interfaces/macs/'), '52:00:00:00:00:01/\naa:ff:00:00:00:01/');
  assert.is(body('/latest/meta-data/network/interfaces/macs/52:00:00:00:00:01/device-number'), '0');
  assert.is(body('/latest/user-data'), '#cloud-config\n');
  assert.is(get('/latest/meta-data/none').status, 404);
  assert.is(get('/2049-01-01/meta-data/').status, 404);
  assert.is(answerMetadata(spec, { method: 'POST', target: '/', headers: {} }).status, 405);
});

test('NoCloud: documents without a slash; a machine without a seed has its name', () => {
  assert.match(body('/latest/meta-data'), 'instance-id: "i-7"\nlocal-hostname: "edge"\n');
  assert.is(body('/latest/vendor-data'), '');
  assert.is(get('/latest/network-config').status, 404);
  const { cloudInit: _, ...bare } = spec;
  assert.is(get('/latest/meta-data/instance-id', bare).body, 'vm_1');
  assert.is(get('/latest/meta-data/hostname', bare).body, 'vm-1');
});

test("documents of the caller's own are told word for word", () => {
  const documents = { 'meta-data': 'a: {b: 1}\n', 'cluster/token': 't' };
  const own: VmSpec = { ...spec, cloudInit: { instanceId: 'i', hostname: 'h', documents } };
  assert.is(get('/latest/meta-data', own).body, 'a: {b: 1}\n');
  assert.is(get('/latest/cluster/token', own).body, 't');
  assert.is(get('/latest/', own).body, 'meta-data\nuser-data\ncluster/token');
  assert.is(get('/latest/meta-data/instance-id', own).body, 'i');
  assert.is(get('/latest/toString', own).status, 404);
});

test('a token is given to who asks as EC2 has it', () => {
  const ask = (ttl: string): MetadataRequest => ({
    method: 'PUT',
    target: '/latest/api/token',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': ttl },
  });
  assert.is(answerMetadata(spec, ask('21600')).status, 200);
  for (const ttl of ['', '0', '21601', 'x']) assert.is(answerMetadata(spec, ask(ttl)).status, 400);
});

test('requests follow one another whatever they say of closing; one that was cut short costs only itself', () => {
  const request = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const close = 'Connection: close\r\n';
  const { requests, rest } = parseRequests(`${request('/a', close)}${request('/b')}GET /c`);
  assert.equal([requests.map(({ target }) => target), rest], [['/a', '/b'], 'GET /c']);
  const cut = parseRequests(`GET /lost${request('/kept')}`);
  assert.equal(cut.requests, [{ method: 'GET', target: '/kept', headers: { host: 'x' } }]);
  assert.is(parseRequests('x'.repeat(100_000)).rest, '');
  const put = parseRequests(`PUT /t HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc${request('/d')}`);
  assert.equal(
    put.requests.map(({ method, target }) => `${method} ${target}`),
    ['PUT /t', 'GET /d'],
  );
  assert.match(renderAnswer({ status: 200, headers: {}, body: 'ä' }, true), /Content-Length: 2\r\n\r\n$/);
});

test('property: no request makes it fail, and it does not matter how a stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.webPath(), { maxLength: 5 }), fc.array(fc.nat({ max: 40 })), (paths, cuts) => {
      const stream = paths.map((path) => `GET ${path || '/'} HTTP/1.1\r\n\r\n`).join('');
      const seen: string[] = [];
      let text = '';
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        const { requests, rest } = parseRequests(text + stream.slice(at, at + cut));
        at += cut;
        text = rest;
        for (const one of requests) {
          seen.push(one.target);
          answerMetadata(spec, one);
        }
      }
      assert.equal(
        seen,
        paths.map((path) => path || '/'),
      );
    }),
  );
});

test.run();
