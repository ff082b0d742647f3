import { ServerCredentials } from '@grpc/grpc-js';

/** A certificate chain with its key, PEM. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * Server credentials of TLS 1.3 whose certificate can be replaced while it serves. With `clientCa` a client must have a
 * certificate of that CA; without, it is not asked for one.
 */
export class ReplaceableCredentials extends ServerCredentials {
  readonly #clientCa: Buffer | undefined;

  constructor(pair: KeyPair, clientCa?: Buffer) {
    super({ requestCert: clientCa !== undefined }, contextOf(pair, clientCa));
    this.#clientCa = clientCa;
  }

  /** For connections from now on; those there are go on. */
  replace(pair: KeyPair): void {
    this.updateSecureContextOptions(contextOf(pair, this.#clientCa));
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ cert, key }: KeyPair, ca: Buffer | undefined) {
  return { cert, key, minVersion: 'TLSv1.3' as const, ...(ca && { ca }) };
}
