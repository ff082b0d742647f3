import { type Clock, type Logger, messageOf, sleep } from '@edgeplane/base';
import type { Receiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { CookieKey, CookieKeyKey } from '@edgeplane/proto/edgeproto/cookie_key.js';
import type { CookieSecret } from './cookie-keys.js';
import { readKeyFileIfThere, writeKeyFile } from './key-file.js';
import type { KeySource } from './key-ring.js';

/**
 * A key signs so long after it was made, when there is another, milliseconds: by then other match engines have it, too.
 */
const SETTLE_MS = 60_000;
/** How long a call waits for a key that was not heard of yet, milliseconds. */
const WAIT_MS = 1000;

/**
 * Keys that a controller made, over notify. They are kept in a file of the same form as others' (mode 0600), so that a
 * match engine that starts without a controller has them.
 */
export class ControllerKeys implements KeySource {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #end = new AbortController();
  readonly #keys = new Map<string, CookieKey>();
  #take: (secrets: readonly CookieSecret[]) => void = () => {};
  #synced = false;
  #arrived = new AbortController();
  #cancel = () => {};

  constructor(path: string, logger: Logger, clock: Clock) {
    this.#path = path;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** What a notify client is to hand over. */
  get receiver(): Receiver<CookieKey, CookieKeyKey> {
    return {
      type: OBJECTS.CookieKey,
      onUpdate: (key) => {
        this.#keys.set(OBJECTS.CookieKey.keyJsonOf(key), key);
        if (this.#synced) this.#changed();
      },
      onDelete: (_key, keyJson) => {
        this.#keys.delete(keyJson);
        if (this.#synced) this.#changed();
      },
      onSynced: (valid) => {
        for (const keyJson of this.#keys.keys()) if (!valid.has(keyJson)) this.#keys.delete(keyJson);
        this.#synced = true;
        this.#changed();
      },
    };
  }

  /** @throws EdgeplaneError KEY_FILE_UNREADABLE */
  start(take: (secrets: readonly CookieSecret[]) => void): void {
    this.#take = take;
    const known = readKeyFileIfThere(this.#path, this.#logger);
    if (known) take(known);
  }

  /** Waits a moment: a key that another match engine signs with is on its way. */
  async refresh(): Promise<void> {
    const either = AbortSignal.any([this.#arrived.signal, this.#end.signal]);
    await sleep(this.#clock, WAIT_MS, either).catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    this.#cancel();
  }

  #changed(): void {
    // A controller that makes no keys takes none away.
    if (this.#keys.size === 0 || this.#end.signal.aborted) return;
    const keys = [...this.#keys.values()].sort((a, b) => kidOf(a) - kidOf(b));
    const now = this.#clock.now();
    const settlesIn = (key: CookieKey) => Number(key.createdMs) + SETTLE_MS - now;
    const settled = keys.filter((key) => settlesIn(key) <= 0);
    const signing = settled.at(-1) ?? keys[0];
    const secrets = keys.map((key) => ({
      kid: kidOf(key),
      secret: key.secret,
      ...(signing && kidOf(key) > kidOf(signing) && { checksOnly: true }),
    }));
    this.#take(secrets);
    this.#logger.info(
      { kids: keys.map(kidOf), signing: signing && kidOf(signing) },
      'Cookie keys of the controller',
    );
    this.#arrived.abort();
    this.#arrived = new AbortController();
    this.#keep(secrets);
    this.#cancel();
    const waits = keys.map(settlesIn).filter((ms) => ms > 0);
    if (waits.length > 0)
      this.#cancel = this.#clock.after(Math.min(...waits, SETTLE_MS), () => this.#changed());
  }

  #keep(secrets: readonly CookieSecret[]): void {
    try {
      writeKeyFile(this.#path, secrets);
    } catch (error) {
      this.#logger.warn({ path: this.#path, reason: messageOf(error) }, 'Cookie keys not kept on disk');
    }
  }
}

function kidOf({ key }: CookieKey): number {
  return key?.kid ?? 0;
}
