import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** An ed25519 key pair in OpenSSH's formats. */
export interface SshKeyPair {
  /** A secret. */
  readonly privateKey: string;
  /** One line, `ssh-ed25519 <base64>`. */
  readonly publicKey: string;
}

const TYPE = 'ssh-ed25519';
const BLOCK = 8;

/**
 * Made by Node.js and written in OpenSSH's form (its PROTOCOL.key) here, as the generator of the SSH library writes some
 * keys so that no reader takes them.
 */
export function newKeyPair(): SshKeyPair {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const seed = Buffer.from(d, 'base64url');
  const point = Buffer.from(x, 'base64url');
  const blob = Buffer.concat([field(TYPE), field(point)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, blob, field(Buffer.concat([seed, point])), field('')]);
  const padding = Buffer.from(Array.from({ length: -secret.length & (BLOCK - 1) }, (_, i) => i + 1));
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[field('none'), field('none'), field(''), uint32(1)],
    ...[field(blob), field(Buffer.concat([secret, padding]))],
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    privateKey: [
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      ...lines,
      '-----END OPENSSH PRIVATE KEY-----',
      '',
    ].join('\n'),
    publicKey: `${TYPE} ${blob.toString('base64')}`,
  };
}

/** The bytes a server presents for a public key in its line form. */
export function wireForm(publicKey: string): Buffer {
  return Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}
