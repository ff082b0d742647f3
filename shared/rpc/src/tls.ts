import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail, messageOf } from '@edgeplane/base';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { rpcErrors } from './errors.js';

/** PEM contents: own certificate chain, its key, and the only CA that is trusted. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** What a client trusts and what it shows; without certificate and key it shows nothing. PEM contents. */
export interface ClientTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * Reads TLS files by the reference's rules (controller spec section 1.3): `DIR/name.crt`; the key's path is the same
 * with the first `crt` replaced by `key`; the CA is `DIR/mex-ca.crt`. When no key is there, `DIR/name.key` is tried,
 * so that a directory name that holds `crt` works too.
 * @throws EdgeplaneError TLS_FILE_UNREADABLE naming the file.
 */
export function loadTls(certPath: string): TlsMaterial {
  const byRule = certPath.replace('crt', 'key');
  const beside = certPath.replace(/\.crt$/, '.key');
  return {
    cert: read('certificate', certPath),
    key: read('key', existsSync(byRule) || !existsSync(beside) ? byRule : beside),
    ca: read('CA certificate', join(dirname(certPath), 'mex-ca.crt')),
  };
}

function read(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fail(rpcErrors.TLS_FILE_UNREADABLE, { what, path, reason: messageOf(error) }, { cause: error });
  }
}

/** SHA-256 of the certificate, as in `PeerIdentity`. */
export function certificateFingerprint({ cert }: TlsMaterial): string {
  return new X509Certificate(cert).fingerprint256;
}

/** Mutual TLS: a client without a certificate of the CA is refused. Plaintext without `tls`. */
export function serverCredentials(tls: TlsMaterial | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(tls.ca, [{ private_key: tls.key, cert_chain: tls.cert }], true);
}

/** Presents our certificate, trusts only the CA, expects the host part of the dialled address as server name. */
export function clientCredentials(tls: ClientTls | undefined): ChannelCredentials {
  if (!tls) return ChannelCredentials.createInsecure();
  return ChannelCredentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null);
}
