import { createPublicKey } from 'node:crypto';
import { type EdgeplaneError, fail } from '@edgeplane/base';
import { controllerErrors } from '../errors.js';

const PEM = /^-----BEGIN ([A-Z0-9 ]+)-----\r?\n[\s\S]*?-----END \1-----\r?\n?$/;

/**
 * Checks an App's auth_public_key (controller spec section 9.4): one PEM block with an RSA key, or one line as in an
 * OpenSSH authorized_keys file.
 * @throws EdgeplaneError PUBLIC_KEY
 */
export function checkPublicKey(text: string): void {
  const pem = PEM.exec(text);
  if (pem) {
    checkPem(text, pem[1] ?? '');
    return;
  }
  if (text.startsWith('---- BEGIN SSH2 PUBLIC KEY')) throw refuse('ssh2 key format not supported');
  if (!text.split('\n').some(isAuthorizedKey)) {
    throw refuse('failed to parse public key: ssh: no key found\n');
  }
}

function checkPem(text: string, type: string): void {
  if (type !== 'PUBLIC KEY' && type !== 'RSA PUBLIC KEY') throw refuse(`Unsupported key tpe "${type}"`);
  let kind: string | undefined;
  try {
    kind = createPublicKey(text).asymmetricKeyType;
  } catch {
    throw refuse(type === 'PUBLIC KEY' ? 'x509.parse pki public key' : 'x509.parse rsa public key');
  }
  if (kind !== 'rsa') throw refuse('invalid PEM passed');
}

/** `[options] type base64 [comment]`, where the base64 begins with the same type. */
function isAuthorizedKey(line: string): boolean {
  const fields = line.trim().split(/[ \t]+/);
  return fields.some((type, i) => {
    const data = fields[i + 1];
    if (!/^[a-z0-9@.-]+$/.test(type) || data === undefined || !/^[A-Za-z0-9+/]+=*$/.test(data)) return false;
    const bytes = Buffer.from(data, 'base64');
    if (bytes.length < 4) return false;
    const length = bytes.readUInt32BE(0);
    return bytes.subarray(4, 4 + length).toString('latin1') === type && bytes.length > 4 + length;
  });
}

function refuse(text: string): EdgeplaneError {
  return fail(controllerErrors.PUBLIC_KEY, { text });
}
