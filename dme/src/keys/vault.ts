import {
  Backoff,
  type Clock,
  fail,
  type Logger,
  messageOf,
  parseDuration,
  type Random,
} from '@edgeplane/base';
import { dmeErrors } from '../errors.js';
import { fetchJson, type JsonAnswer } from '../fetch-json.js';
import type { CookieSecret } from './cookie-keys.js';
import type { KeySource } from './key-ring.js';

/** Where keys are in a Vault (match engine spec section 3.1). */
export interface VaultAddress {
  /** Such as `http://127.0.0.1:8200`. */
  readonly url: string;
  readonly roleId: string;
  readonly secretId: string;
}

/** The engine, version 2 of KV, and the entry in it. */
const PATH = 'jwtkeys';
const ENTRY = 'dme';
/** How often keys are looked for when the entry does not say, milliseconds. */
const POLL_MS = 5 * 60_000;
/** Attempts that a cookie asks for come no sooner after one another, milliseconds. */
const THROTTLE_MS = 5000;
const REQUEST_MS = 5000;
/** Versions that are read at most: older ones sign nothing any more. */
const MAX_VERSIONS = 100;

/** What one attempt found. */
interface Found {
  readonly secrets: readonly CookieSecret[];
  readonly pollMs: number;
}

/**
 * Keys from a Vault: the version of the entry is the key id. Until the first success it is tried again and again within
 * seconds; after that at the interval that the entry names, and while a Vault is away the keys stay.
 */
export class VaultKeys implements KeySource {
  readonly #address: VaultAddress;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backoff: Backoff;
  readonly #end = new AbortController();
  #take: (secrets: readonly CookieSecret[]) => void = () => {};
  #attempt: Promise<void> | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #succeeded = false;
  #pollMs = POLL_MS;
  #cancel = () => {};

  constructor(
    address: VaultAddress,
    parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
  ) {
    this.#address = address;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#backoff = new Backoff({ base: 250, max: THROTTLE_MS }, parts.random);
  }

  /** Begins to look; a match engine is there before its keys are. */
  start(take: (secrets: readonly CookieSecret[]) => void): void {
    this.#take = take;
    void this.#look();
  }

  async refresh(): Promise<void> {
    const attempted = this.#clock.monotonic() - this.#attemptedAt;
    if (this.#attempt || attempted >= THROTTLE_MS) await this.#look();
  }

  async stop(): Promise<void> {
    this.#end.abort(fail(dmeErrors.STOPPING));
    this.#cancel();
    await this.#attempt;
  }

  /** One attempt, after which the next one is set; never rejects. */
  #look(): Promise<void> {
    if (this.#attempt) return this.#attempt;
    this.#cancel();
    this.#attemptedAt = this.#clock.monotonic();
    this.#attempt = this.#try().then((waitMs) => {
      this.#attempt = undefined;
      if (!this.#end.signal.aborted) this.#cancel = this.#clock.after(waitMs, () => void this.#look());
    });
    return this.#attempt;
  }

  /** Milliseconds until the next attempt. */
  async #try(): Promise<number> {
    const { url } = this.#address;
    try {
      const { secrets, pollMs } = await this.#read();
      this.#take(secrets);
      if (!this.#succeeded) this.#logger.info({ vault: url }, 'Cookie keys read from Vault');
      this.#succeeded = true;
      this.#pollMs = pollMs;
      this.#backoff.reset();
      return pollMs;
    } catch (error) {
      if (!this.#end.signal.aborted)
        this.#logger.warn(
          { vault: url, reason: messageOf(error) },
          'Cookie keys could not be read from Vault',
        );
      return this.#succeeded ? this.#pollMs : this.#backoff.next();
    }
  }

  async #read(): Promise<Found> {
    const { roleId, secretId } = this.#address;
    const login = await this.#ask('/v1/auth/approle/login', { role_id: roleId, secret_id: secretId });
    const token = member(login, 'auth', 'client_token');
    if (typeof token !== 'string' || token === '') throw this.#odd('the login gave no token');
    const metadata = await this.#ask(`/v1/${PATH}/metadata/${ENTRY}`, undefined, token);
    const current = member(metadata, 'data', 'current_version');
    if (typeof current !== 'number' || current < 1)
      throw this.#odd(`there is no version of ${PATH}/${ENTRY}`);
    const told = member(metadata, 'data', 'oldest_version');
    // 0 until an old version has been pruned, while versions begin with 1.
    const oldest = Math.max(1, typeof told === 'number' ? told : 1, current - MAX_VERSIONS + 1);
    const secrets: CookieSecret[] = [];
    let pollMs = POLL_MS;
    for (let version = current; version >= oldest; version--) {
      const entry = await this.#version(version, token);
      if (!entry) continue;
      const { secret, refresh } = entry;
      secrets.push({ kid: version, secret });
      if (version === current && typeof refresh === 'string') pollMs = pollOf(refresh) ?? POLL_MS;
    }
    if (secrets.length === 0) throw this.#odd(`no version of ${PATH}/${ENTRY} has a secret`);
    return { secrets, pollMs };
  }

  /** One version; undefined when it was deleted. */
  async #version(
    version: number,
    token: string,
  ): Promise<{ readonly secret: string; readonly refresh: unknown } | undefined> {
    const path = `/v1/${PATH}/data/${ENTRY}?version=${version}`;
    const answer = await this.#fetch(path, undefined, token);
    if (answer.status === 404) return undefined;
    const body = this.#checked(path, answer);
    const secret = member(body, 'data', 'data', 'secret');
    if (typeof secret !== 'string' || secret === '')
      throw this.#odd(`version ${version} of ${PATH}/${ENTRY} has no "secret"`);
    if (member(body, 'data', 'metadata', 'version') !== version)
      throw this.#odd(`another version of ${PATH}/${ENTRY} than ${version} came`);
    return { secret, refresh: member(body, 'data', 'data', 'refresh') };
  }

  async #ask(path: string, body?: object, token?: string): Promise<unknown> {
    return this.#checked(path, await this.#fetch(path, body, token));
  }

  #fetch(path: string, body?: object, token?: string): Promise<JsonAnswer> {
    return fetchJson(`${this.#address.url.replace(/\/+$/, '')}${path}`, {
      clock: this.#clock,
      timeoutMs: REQUEST_MS,
      signal: this.#end.signal,
      body,
      headers: token === undefined ? {} : { 'x-vault-token': token },
    });
  }

  /** Nothing of an answer is ever told but its status. */
  #checked(path: string, { status, json }: JsonAnswer): unknown {
    if (status !== 200) throw this.#odd(`status ${status} for ${path}`);
    return json;
  }

  #odd(reason: string) {
    return fail(dmeErrors.VAULT_ANSWER, { url: this.#address.url, reason });
  }
}

/** A polling interval in Go's notation, within reason. */
function pollOf(text: string): number | undefined {
  try {
    return Math.max(THROTTLE_MS, parseDuration(text));
  } catch {
    return undefined;
  }
}

function member(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  return at;
}
