import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { EdgeplaneError, fail, type Logger, messageOf } from '@edgeplane/base';
import { dmeErrors } from './errors.js';

/** Secrets that cookies are signed with, by key id. The highest id signs; all verify. */
export interface CookieKeys {
  readonly signing: { readonly kid: number; readonly key: KeyObject } | undefined;
  find(kid: number): KeyObject | undefined;
}

export interface CookieSecret {
  /** Key id, from 1 up. */
  readonly kid: number;
  /** The secret is this text's UTF-8. */
  readonly secret: string;
}

/** HMAC-SHA512 gains nothing from more. */
const SECRET_BYTES = 64;
const READABLE_BY_OTHERS = 0o077;

export function cookieKeys(secrets: readonly CookieSecret[]): CookieKeys {
  const byId = new Map(secrets.map(({ kid, secret }) => [kid, createSecretKey(secret, 'utf8')]));
  const kid = Math.max(...byId.keys());
  const key = byId.get(kid);
  return { signing: key && { kid, key }, find: (id) => byId.get(id) };
}

/**
 * Reads `{"keys":[{"kid":1,"secret":"..."}]}`. When the file is not there, makes it with one random secret and mode
 * 0600; of several processes that do so at once, all end up with the same file. Match engines that share the file
 * accept each other's cookies; to replace a secret, add one with a higher kid and restart.
 * @throws EdgeplaneError KEY_FILE_UNREADABLE naming the file and the fault.
 */
export function loadCookieKeys(path: string, logger: Logger): CookieKeys {
  try {
    const text = readIfThere(path) ?? makeFile(path, logger);
    if ((statSync(path).mode & READABLE_BY_OTHERS) !== 0)
      logger.warn({ path }, 'Others can read the cookie key file; its mode should be 0600');
    return cookieKeys(parseSecrets(path, text));
  } catch (error) {
    if (error instanceof EdgeplaneError) throw error;
    throw fail(dmeErrors.KEY_FILE_UNREADABLE, { path, reason: messageOf(error) }, { cause: error });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function makeFile(path: string, logger: Logger): string {
  const secrets: CookieSecret[] = [{ kid: 1, secret: randomBytes(SECRET_BYTES).toString('base64url') }];
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Written aside and linked into place, so that no reader sees half a file and only one writer wins.
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ keys: secrets })}\n`, { mode: 0o600 });
  try {
    chmodSync(draft, 0o600);
    linkSync(draft, path);
    logger.info({ path }, 'Made a cookie key');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, 'utf8');
}

function parseSecrets(path: string, text: string): readonly CookieSecret[] {
  const bad = (reason: string) => fail(dmeErrors.KEY_FILE_UNREADABLE, { path, reason });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own text could quote a secret.
    throw bad('is not JSON');
  }
  const keys = (json as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) throw bad('must hold a list "keys" with at least one key');
  const seen = new Set<number>();
  for (const [i, key] of keys.entries()) {
    const { kid, secret } = (key ?? {}) as Partial<CookieSecret>;
    if (!Number.isSafeInteger(kid) || (kid ?? 0) < 1)
      throw bad(`keys[${i}].kid must be an integer from 1 up`);
    if (typeof secret !== 'string' || secret === '') throw bad(`keys[${i}].secret must be a text`);
    if (seen.has(kid ?? 0)) throw bad(`keys[${i}].kid ${kid} is there twice`);
    seen.add(kid ?? 0);
  }
  return keys as CookieSecret[];
}
