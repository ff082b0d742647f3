import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type EdgeplaneError, fail, type Logger, messageOf } from '@edgeplane/base';
import { type KeyPair, parseAddress, ReplaceableCredentials, unixPath } from '@edgeplane/rpc';
import type { DoorName } from './door.js';
import { doorErrors } from './errors.js';
import { FollowedFiles } from './followed-files.js';
import type { IdentityRules } from './identity.js';
import type { AccessSettings } from './settings.js';
import { TOKEN_STYLES, Tokens } from './tokens.js';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;
const READ_BY_OTHERS = 0o007;

/**
 * The files by which a door tells who calls and shows who it is, followed while it is open. One per door; every listener of
 * it asks the same.
 */
export class Access {
  readonly clientCa: Buffer | undefined;
  readonly #door: DoorName;
  readonly #settings: AccessSettings;
  readonly #pair: FollowedFiles<KeyPair> | undefined;
  readonly #tokens: FollowedFiles<Tokens> | undefined;

  /** @throws DOOR_FILE naming the flag, the file and what is wrong with it */
  constructor(door: DoorName, given: AccessSettings, clock: Clock, logger: Logger) {
    const settings = withTlsDir(given);
    this.#door = door;
    this.#settings = settings;
    const { cert, key, clientCa, tokenFile } = settings;
    const about = { clock, logger };
    if (clientCa !== '')
      this.clientCa = reading(`--${door}-client-ca`, clientCa, () => {
        const ca = readFileSync(clientCa);
        new X509Certificate(ca);
        return ca;
      });
    if (tokenFile !== '')
      this.#tokens = reading(`--${door}-token-file`, tokenFile, () => {
        const parse = ([text]: readonly Buffer[]) => tokensOf(tokenFile, text);
        return new FollowedFiles({ ...about, paths: [tokenFile], parse, what: `tokens of ${door}` });
      });
    try {
      if (cert !== '')
        this.#pair = reading(`--${door}-cert`, cert, () => {
          const what = `certificate of ${door}`;
          return new FollowedFiles({ ...about, paths: [cert, key], parse: keyPair, what });
        });
    } catch (error) {
      void this.#tokens?.stop();
      throw error;
    }
  }

  /** Certificate and key at this moment; undefined for plain text. */
  get pair(): KeyPair | undefined {
    return this.#pair?.value;
  }

  /** Calls with each certificate that comes after this one. */
  onPair(listener: (pair: KeyPair) => void): void {
    this.#pair?.onChange(listener);
  }

  /** TLS credentials that follow the files; undefined for plain text. */
  credentials(): ReplaceableCredentials | undefined {
    if (!this.#pair) return undefined;
    const credentials = new ReplaceableCredentials(this.#pair.value, this.clientCa);
    this.#pair.onChange((pair) => credentials.replace(pair));
    return credentials;
  }

  /**
   * What a listener on an address asks of callers.
   * @throws DOOR_UNIDENTIFIED or DOOR_PLAIN_TOKEN when it would not be safe and nobody said that it need not be
   */
  rules(address: string): IdentityRules {
    const { insecure, allowedNames } = this.#settings;
    const door = this.#door;
    const tokens = this.#tokens;
    const isSocket = unixPath(address) !== undefined;
    if (!insecure && !isSocket) {
      if (!this.clientCa && !tokens) throw fail(doorErrors.DOOR_UNIDENTIFIED, { door, address });
      if (tokens && !this.#pair && !LOOPBACK.test(parseAddress(address).host))
        throw fail(doorErrors.DOOR_PLAIN_TOKEN, { door, address });
    }
    return {
      certificate: this.clientCa !== undefined,
      allowedNames,
      tokens: tokens && (() => tokens.value),
      style: TOKEN_STYLES[door],
      otherwise: isSocket ? `uid:${process.getuid?.() ?? 0}` : 'anybody',
    };
  }

  /** Looks at the files now; never rejects. */
  async look(): Promise<void> {
    await Promise.all([this.#pair?.look(), this.#tokens?.look()]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pair?.stop(), this.#tokens?.stop()]);
  }
}

/** The folder's files in the place of the single ones: all three, or none (VirtRigaud spec section 2). @throws DOOR_FILE */
function withTlsDir(settings: AccessSettings): AccessSettings {
  const { tlsDir } = settings;
  if (tlsDir === '') return settings;
  const [cert = '', key = '', clientCa = ''] = ['tls.crt', 'tls.key', 'ca.crt'].map((n) => join(tlsDir, n));
  const missing = [cert, key, clientCa].filter((path) => !existsSync(path));
  if (missing.length === 3) return { ...settings, allowedNames: [] };
  if (missing.length > 0) throw unusable('--virtrigaud-tls-dir', tlsDir, `there is no ${missing.join(', ')}`);
  return { ...settings, cert, key, clientCa };
}

function keyPair([cert = Buffer.alloc(0), key = Buffer.alloc(0)]: readonly Buffer[]): KeyPair {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error('the key is not the one of the certificate');
  return { cert, key };
}

function tokensOf(path: string, text: Buffer | undefined): Tokens {
  if (statSync(path).mode & READ_BY_OTHERS) throw new Error('other users must not be able to read it');
  return new Tokens(text?.toString('utf8') ?? '');
}

function reading<T>(flag: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unusable(flag, path, messageOf(error), error);
  }
}

function unusable(flag: string, path: string, reason: string, cause?: unknown): EdgeplaneError {
  return fail(doorErrors.DOOR_FILE, { flag, path, reason }, { cause });
}
