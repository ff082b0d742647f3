import { generateKeyPairSync } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkPublicKey } from './public-key.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;

function ssh(type: string): string {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return `${type} ${Buffer.concat([length, Buffer.from(type), Buffer.alloc(32)]).toString('base64')}`;
}

test('RSA keys in both PEM forms and OpenSSH lines pass', () => {
  checkPublicKey(rsa.export({ type: 'spki', format: 'pem' }).toString());
  checkPublicKey(rsa.export({ type: 'pkcs1', format: 'pem' }).toString());
  checkPublicKey(`${ssh('ssh-rsa')} me@host`);
  checkPublicKey(`no-pty ${ssh('ssh-ed25519')}`);
});

const BAD: readonly (readonly [string, string, string])[] = [
  ['not RSA', ec.export({ type: 'spki', format: 'pem' }).toString(), 'invalid PEM passed'],
  ['garbage', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'x509.parse pki public key'],
  [
    'garbage',
    '-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n',
    'x509.parse rsa public key',
  ],
  ['a certificate', '-----BEGIN X-----\nAAAA\n-----END X-----\n', 'Unsupported key tpe "X"'],
  ['ssh2', '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n', 'ssh2 key format not supported'],
  ['a wrong blob', 'ssh-rsa AAAAB3Nz', 'failed to parse public key: ssh: no key found\n'],
  ['nothing', 'hello', 'failed to parse public key: ssh: no key found\n'],
];

for (const [what, text, message] of BAD) {
  test(`${what}: ${message.trim()}`, () => {
    assert.throws(
      () => checkPublicKey(text),
      (error: Error) => error.message === message,
    );
  });
}

test.run();
