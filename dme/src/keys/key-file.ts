import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, EdgeplaneError, fail, type Logger, messageOf } from '@edgeplane/base';
import { dmeErrors } from '../errors.js';
import type { CookieSecret } from './cookie-keys.js';
import type { KeySource } from './key-ring.js';

/** HMAC-SHA512 gains nothing from more. */
const SECRET_BYTES = 64;
const READABLE_BY_OTHERS = 0o077;
/** How often the file is looked at, milliseconds. */
const LOOK_MS = 5000;
/** While there are none it is looked for this often, and for a newer one no sooner than this after the last look. */
const THROTTLE_MS = 1000;

/**
 * Reads `{"keys":[{"kid":1,"secret":"..."}]}`. When the file is not there, makes it with one random secret and mode
 * 0600; of several processes that do so at once, all end up with the same file. Match engines that share the file
 * accept each other's cookies; to replace a secret, add one with a higher kid.
 * @throws EdgeplaneError KEY_FILE_UNREADABLE naming the file and the fault.
 */
export function readKeyFile(path: string, logger: Logger): readonly CookieSecret[] {
  return guarded(path, () => parsed(path, readIfThere(path) ?? makeFile(path, logger), logger));
}

/** The same without making one. */
export function readKeyFileIfThere(path: string, logger: Logger): readonly CookieSecret[] | undefined {
  return guarded(path, () => {
    const text = readIfThere(path);
    return text === undefined ? undefined : parsed(path, text, logger);
  });
}

/** Replaces the file, or makes it, with mode 0600. @throws EdgeplaneError KEY_FILE_UNREADABLE */
export function writeKeyFile(path: string, secrets: readonly CookieSecret[]): void {
  guarded(path, () => {
    const draft = makeDraft(path, secrets);
    renameSync(draft, path);
  });
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof EdgeplaneError) throw error;
    throw fail(dmeErrors.KEY_FILE_UNREADABLE, { path, reason: messageOf(error) }, { cause: error });
  }
}

function parsed(path: string, text: string, logger: Logger): readonly CookieSecret[] {
  if ((statSync(path).mode & READABLE_BY_OTHERS) !== 0)
    logger.warn({ path }, 'Others can read the cookie key file; its mode should be 0600');
  return parseSecrets(path, text);
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
  const draft = makeDraft(path, [{ kid: 1, secret: randomBytes(SECRET_BYTES).toString('base64url') }]);
  try {
    linkSync(draft, path);
    logger.info({ path }, 'Made a cookie key');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, 'utf8');
}

/** Written aside and put into place, so that no reader sees half a file. */
function makeDraft(path: string, keys: readonly CookieSecret[]): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ keys })}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  return draft;
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

/** The keys of a file, read again whenever it changes; while it cannot be read, the last good keys stay. */
export function keyFileSource(path: string, logger: Logger, clock: Clock): KeySource {
  return watched(path, logger, clock, () => readKeyFile(path, logger));
}

/** The same of a file that another process keeps, and may not have made yet. */
export function keptKeySource(path: string, logger: Logger, clock: Clock): KeySource {
  return watched(path, logger, clock, () => readKeyFileIfThere(path, logger));
}

function watched(
  path: string,
  logger: Logger,
  clock: Clock,
  read: () => readonly CookieSecret[] | undefined,
): KeySource {
  let version = '';
  let lookedAt = Number.NEGATIVE_INFINITY;
  let cancel = () => {};
  let take: (secrets: readonly CookieSecret[]) => void = () => {};

  const readNow = () => {
    const secrets = read();
    if (!secrets) return;
    take(secrets);
    version = versionOf(path);
  };
  const look = () => {
    lookedAt = clock.monotonic();
    try {
      const now = versionOf(path);
      // Gone is not changed: nothing is made in its place.
      if (now === '' || now === version) return;
      readNow();
      logger.info({ path }, 'Cookie keys changed');
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'Cookie keys stay as they were');
    }
  };
  const watch = () => {
    cancel = clock.after(version === '' ? THROTTLE_MS : LOOK_MS, () => {
      look();
      watch();
    });
  };
  return {
    start(taker) {
      take = taker;
      readNow();
      watch();
    },
    async refresh() {
      if (clock.monotonic() - lookedAt >= THROTTLE_MS) look();
    },
    async stop() {
      cancel();
    },
  };
}

/** Empty while there is no such file. */
function versionOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.ino} ${found.mtimeMs} ${found.size}` : '';
}
