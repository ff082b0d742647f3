/** Cookie keys that a controller made: how match engines take them up. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, seededRandom, silentLogger } from '@edgeplane/base';
import type { PeerInfo } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { CookieKey } from '@edgeplane/proto/edgeproto/cookie_key.js';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Sessions } from '../sessions.js';
import { ControllerKeys } from './controller-keys.js';
import { KeyRing } from './key-ring.js';

const APP = { developerKey: { name: 'dev' }, name: 'app', version: '1' };
const HOUR = 3600_000;
const NOBODY = {} as PeerInfo;

function key(kid: number, createdMs: number): CookieKey {
  return { ...OBJECTS.CookieKey.withKey({ kid }), secret: `secret ${kid}`, createdMs: BigInt(createdMs) };
}

/** A match engine as far as its keys go, which can be restarted. */
class Replica {
  readonly clock: ManualClock;
  readonly #path: string;
  #source!: ControllerKeys;
  ring!: KeyRing;
  sessions!: Sessions;

  constructor(path: string, clock: ManualClock) {
    this.#path = path;
    this.clock = clock;
  }

  async start(): Promise<this> {
    this.#source = new ControllerKeys(this.#path, silentLogger, this.clock);
    this.ring = new KeyRing(this.#source);
    await this.ring.start();
    this.sessions = new Sessions(this.ring, this.clock, 24 * HOUR);
    return this;
  }

  /** A session from its beginning. */
  sync(keys: readonly CookieKey[]): void {
    for (const each of keys) void this.#source.receiver.onUpdate(each, NOBODY);
    void this.#source.receiver.onSynced?.(new Set(keys.map(OBJECTS.CookieKey.keyJsonOf)), NOBODY);
  }

  stop(): Promise<void> {
    return this.ring.stop();
  }
}

test('a new key checks at once and signs when all can have it; kept on disk, private', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'dme-keys-'));
  const path = join(dir, 'keys.json');
  try {
    const replica = await new Replica(path, new ManualClock(100 * HOUR)).start();
    assert.is(replica.ring.keys.signing, undefined);
    replica.sync([key(1, 0)]);
    assert.is(replica.ring.keys.signing?.kid, 1);
    replica.sync([key(1, 0), key(2, 100 * HOUR)]);
    assert.ok(replica.ring.keys.find(2));
    assert.is(replica.ring.keys.signing?.kid, 1);
    replica.clock.advance(60_000);
    assert.is(replica.ring.keys.signing?.kid, 2);
    // A controller without keys says nothing of those of another one.
    replica.sync([]);
    assert.is(replica.ring.keys.signing?.kid, 2);
    await replica.stop();
    assert.is(statSync(path).mode & 0o777, 0o600);
    assert.match(readFileSync(path, 'utf8'), 'secret 2');
    const again = await new Replica(path, replica.clock).start();
    assert.is(again.ring.keys.signing?.kid, 2);
    assert.ok(again.ring.keys.find(1));
    await again.stop();
    assert.is(replica.clock.pending, 0);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('cookies survive rotations, restarts and changes of the replica', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'dme-keys-'));
  const step = fc.record({
    what: fc.constantFrom('cookie', 'restart', 'rotate'),
    replica: fc.nat(2),
    pause: fc.nat(3 * HOUR),
  });
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
        run += 1;
        const random = seededRandom(seed);
        const clock = new ManualClock(1000 * HOUR);
        const replicas = await Promise.all(
          [0, 1, 2].map((i) => new Replica(join(dir, `${run}-${i}.json`), clock).start()),
        );
        // Rotated once in more than a cookie's life, as controllers do; the one before stays.
        let keys = [key(1, clock.now() - 48 * HOUR)];
        let rotated = clock.now() - 48 * HOUR;
        for (const replica of replicas) replica.sync(keys);
        const cookies: { text: string; until: number }[] = [];
        for (const { what, replica: index, pause } of steps) {
          clock.advance(pause);
          const replica = replicas[index];
          if (!replica) continue;
          if (what === 'cookie') {
            const text = replica.sessions.issue({ app: APP, peerIp: '' });
            cookies.push({ text, until: clock.now() + 24 * HOUR });
          } else if (what === 'restart') {
            await replica.stop();
            await replica.start();
          } else if (what === 'rotate') {
            clock.advance(Math.max(0, rotated + 25 * HOUR - clock.now()));
            rotated = clock.now();
            const newest = keys.at(-1)?.key?.kid ?? 0;
            keys = [...keys.slice(-1), key(newest + 1, rotated)];
            // Each hears of it in its own time, but within the one that the rotation leaves.
            const order = [...replicas].sort(() => random.next() - 0.5);
            for (const each of order) {
              each.sync(keys);
              clock.advance(random.next() * 15_000);
              for (const { text, until } of cookies)
                for (const any of replicas)
                  if (clock.now() < until) assert.equal((await any.sessions.verify(text)).app, APP);
              cookies.push({
                text: each.sessions.issue({ app: APP, peerIp: '' }),
                until: clock.now() + 24 * HOUR,
              });
            }
          }
          for (const { text, until } of cookies)
            for (const any of replicas)
              if (clock.now() < until) assert.equal((await any.sessions.verify(text)).app, APP);
        }
        await Promise.all(replicas.map((each) => each.stop()));
      }),
      { numRuns: 40 },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.run();
