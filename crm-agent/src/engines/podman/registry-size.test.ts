import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Get, registryBytes } from './registry-size.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = { config: { size: 1000 }, layers: [{ size: 20_000 }, { size: 3 }] };

/** A registry in memory; `asked` are the URLs with what was said of who asks. */
function registry(answers: Readonly<Record<string, object>>, guard?: { challenge: string; accepts: string }) {
  const asked: string[] = [];
  const get: Get = async (url, headers) => {
    const { authorization = 'nobody' } = headers;
    asked.push(`${url.href} by ${authorization}`);
    const isToken = url.pathname === '/token';
    if (guard && !isToken && authorization !== guard.accepts)
      return { status: 401, headers: { 'www-authenticate': guard.challenge }, text: '' };
    const answer = answers[url.pathname];
    return { status: answer ? 200 : 404, headers: {}, text: JSON.stringify(answer ?? {}) };
  };
  return { get, asked };
}

test('the size is that of the layers and the configuration', async () => {
  const { get, asked } = registry({ '/v2/team/app/manifests/1': IMAGE });
  assert.is(await registryBytes('host:5000/team/app:1', undefined, get), 21_003);
  assert.equal(asked, ['https://host:5000/v2/team/app/manifests/1 by nobody']);
});

test('of several platforms it is this one', async () => {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const manifests = [
    { digest: 'sha256:other', platform: { os: 'linux', architecture: 's390x' } },
    { digest: DIGEST, platform: { os: 'linux', architecture: arch } },
  ];
  const { get } = registry({
    '/v2/library/app/manifests/latest': { manifests },
    [`/v2/library/app/manifests/${DIGEST}`]: IMAGE,
  });
  assert.is(await registryBytes('docker.io/library/app:latest', undefined, get), 21_003);
});

test('a password is shown to who asks for it, and a token is fetched with it', async () => {
  const auth = { username: 'me', password: 'secret' };
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  const plain = registry({ '/v2/a/manifests/1': IMAGE }, { challenge: 'Basic realm="x"', accepts: basic });
  assert.is(await registryBytes('h/a:1', auth, plain.get), 21_003);
  const challenge = 'Bearer realm="https://auth/token",service="h",scope="repository:a:pull"';
  const token = registry(
    { '/v2/a/manifests/1': IMAGE, '/token': { token: 'abc' } },
    { challenge, accepts: 'Bearer abc' },
  );
  assert.is(await registryBytes('h/a:1', auth, token.get), 21_003);
  assert.equal(token.asked[1], `https://auth/token?service=h&scope=repository%3Aa%3Apull by ${basic}`);
  const open = registry(
    { '/v2/a/manifests/1': IMAGE },
    { challenge: challenge.replace('https', 'http'), accepts: 'Bearer abc' },
  );
  assert.is(await registryBytes('h/a:1', auth, open.get), undefined);
  assert.is(open.asked.length, 1, 'not without TLS');
});

test('what cannot be found out is unknown', async () => {
  const { get } = registry({});
  assert.is(await registryBytes('h/none:1', undefined, get), undefined);
  assert.is(await registryBytes('nonsense', undefined, get), undefined);
  const broken: Get = () => Promise.reject(new Error('nobody is there'));
  assert.is(await registryBytes('h/a:1', undefined, broken), undefined);
});

test.run();
