import { createSign, generateKeyPairSync } from 'node:crypto';
import { EdgeplaneError } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkAuthToken } from './app-auth.js';

const APP = { developerKey: { name: 'dev' }, name: 'app', version: '1.0' };
const NOW = 1_700_000_000;
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PUBLIC = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const CLAIMS = { devname: 'dev', appname: 'app', appvers: '1.0' };

function token(claims: object, key = pair.privateKey, alg = 'RS256'): string {
  const text = [{ alg, typ: 'JWT' }, claims]
    .map((v) => Buffer.from(JSON.stringify(v)).toString('base64url'))
    .join('.');
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`;
}

async function outcome(publicKey: string, text: string): Promise<string> {
  try {
    await checkAuthToken(APP, publicKey, text, NOW);
    return 'accepted';
  } catch (error) {
    assert.instance(error, EdgeplaneError);
    const { status, message } = error as EdgeplaneError;
    return `${status} ${message}`;
  }
}

const E = 'UNAUTHENTICATED failed to verify token - ';
const CASES: readonly (readonly [string, string, string, string])[] = [
  ['no token, no key', '', '', 'accepted'],
  ['no token', PUBLIC, '', 'INVALID_ARGUMENT No authtoken received'],
  ['no key', '', token(CLAIMS), 'UNAUTHENTICATED No authkey found to validate token'],
  ['a good token', PUBLIC, token(CLAIMS), 'accepted'],
  ['times that fit', PUBLIC, token({ ...CLAIMS, exp: NOW, iat: NOW, nbf: NOW }), 'accepted'],
  ['expired', PUBLIC, token({ ...CLAIMS, exp: NOW - 60 }), `${E}token is expired by 1m0s`],
  ['too early', PUBLIC, token({ ...CLAIMS, nbf: NOW + 1 }), `${E}token is not valid yet`],
  ['another key', PUBLIC, token(CLAIMS, other.privateKey), `${E}signature is invalid`],
  ['another developer', PUBLIC, token({ ...CLAIMS, devname: 'x' }), `${E}token developer mismatch`],
  ['another app', PUBLIC, token({ ...CLAIMS, appname: 'x' }), `${E}token appname mismatch`],
  ['another version', PUBLIC, token({ ...CLAIMS, appvers: undefined }), `${E}token appvers mismatch`],
  ['two segments', PUBLIC, 'a.b', `${E}token contains an invalid number of segments`],
  [
    'a symmetric algorithm',
    PUBLIC,
    token(CLAIMS, pair.privateKey, 'HS256'),
    `${E}signing method HS256 is invalid`,
  ],
  ['a key that is none', 'not PEM', token(CLAIMS), `${E}unable to parse JWT token`],
  [
    'a private key',
    pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    token(CLAIMS),
    `${E}unable to parse JWT token`,
  ],
];

for (const [what, publicKey, text, expected] of CASES) {
  test(`auth token: ${what}`, async () => {
    assert.is(await outcome(publicKey, text), expected);
  });
}

test.run();
