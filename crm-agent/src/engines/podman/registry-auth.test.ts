import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { credentialsFor, findCredentials } from './registry-auth.js';

const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
const FILE = {
  auths: {
    'reg.example:5000': auth('ops:a:b'),
    'reg.example:5000/team': auth('team:t'),
    'https://index.docker.io/v1/': auth('hub:h'),
    'other.example': {},
  },
};

test('the longest name that has credentials counts', () => {
  const user = (name: string) => findCredentials(FILE, name)?.username;
  assert.is(user('reg.example:5000/app:1'), 'ops');
  assert.is(user('reg.example:5000/team/app:1'), 'team');
  assert.is(user('reg.example:5000/team/app@sha256:00'), 'team');
  assert.is(user('reg.example:5000/teams/app:1'), 'ops');
  assert.is(user('docker.io/library/nginx:latest'), 'hub');
  assert.is(user('other.example/x:1'), undefined);
  assert.is(user('reg.example/app:1'), undefined);
  assert.equal(findCredentials(FILE, 'reg.example:5000/app:1'), { username: 'ops', password: 'a:b' });
  for (const json of [null, [], 'x', { auths: null }, { auths: { h: 1 } }])
    assert.is(findCredentials(json, 'h/x:1'), undefined);
});

test('a file that cannot be used is named, and nothing of it shown', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'edgeplane-auth-'));
  try {
    const file = join(dir, 'auth.json');
    const problem = () => credentialsFor(file, 'h/x:1').then(() => '', messageOf);
    assert.match(await problem(), `${file} cannot be used: ENOENT`);
    writeFileSync(file, '{"auths": {"h": {"auth": "c2VjcmV0"');
    assert.is(await problem(), `file with credentials of registries ${file} cannot be used: it is not JSON`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test.run();
