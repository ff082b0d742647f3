// test: timeout=240s
/** Several peers that mean harm at once: each of their sessions costs what the limits say, and no more. */
import { OBJECTS } from '@edgeplane/objects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NotifyLimits } from './limits.js';
import { data, hello, type RawPeer, rawClient, until } from './testing.js';
import type { HostReport } from './testing-host.js';
import { call, changed, framed, httpSession, MIB, node, startHost, version2 } from './testing-hostile.js';
import type { NotifyCounters } from './types.js';
import { encodeNotice } from './v2/notices.js';

const KIB = 1024;
const SESSIONS = 6;
const REPORTS = 8;

const LIMITS = {
  maxNoticeBytes: 256 * KIB,
  maxHeldBytes: MIB,
  maxBufferedBytes: 64 * KIB,
  maxUnackedBytes: 512 * KIB,
  maxDirtyKeys: 2000,
  handshakeTimeoutMs: 30_000,
  ackTimeoutMs: 60_000,
  graceMs: 0,
} as const satisfies Partial<NotifyLimits>;

/** Of a session: its HTTP/2 and TCP, its buffers and its part of everything else. */
const BESIDES = 512 * KIB;
/** What is read ahead, two notices more, and that which is handled, decoded. */
const READING = MIB + 4 * LIMITS.maxNoticeBytes;
/** What is with the stream and a notice more, and frames without ack. */
const WRITING = LIMITS.maxBufferedBytes + LIMITS.maxNoticeBytes + LIMITS.maxUnackedBytes;
/** Of a key that waits. */
const WAITING = LIMITS.maxDirtyKeys * 256;

const host = await startHost(LIMITS);
const { address } = host;

/** The most that a session costs from now on, of a few reports, bytes. */
async function mostEach(before: number): Promise<number> {
  let most = 0;
  for (let i = 0; i < REPORTS; i++) {
    const { bytes } = await host.report();
    most = Math.max(most, bytes - before);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return most / SESSIONS;
}

const seen = ({ noticesReceived, changesReceived }: NotifyCounters) => noticesReceived + changesReceived;

/** `run` resolves when the harm is on its way, with what takes away what would stay. */
function attack(name: string, most: number, run: () => Promise<() => void>): void {
  test(name, async () => {
    const before = (await host.report()).bytes;
    const end = await run();
    const each = await mostEach(before).finally(end);
    assert.ok(each < most + BESIDES, `a session cost ${each} bytes, more than ${most + BESIDES}`);
    const gone = ({ peers, bytes }: HostReport) => peers === 0 && (bytes - before) / SESSIONS < BESIDES;
    await host.until('nobody, and little of anybody, is left', gone);
  });
}

for (const version of [1, 2]) {
  const first = () => (version === 1 ? hello(['Flavor']) : version2());

  /** Peers with a session each. */
  async function peers(): Promise<readonly RawPeer[]> {
    const all = Array.from({ length: SESSIONS }, () => rawClient(address));
    for (const peer of all) peer.send(first());
    await until(() => all.every(({ notices }) => notices.length > 0), 'sessions');
    return all;
  }

  attack(`version ${version}: notices that come faster than they are handled`, READING, async () => {
    const all = await peers();
    host.ask({ holdUp: true });
    for (let i = 0; i < 40; i++) {
      const object = node(`${i} ${'n'.repeat(200 * KIB)}`);
      const body = Buffer.from(OBJECTS.Node.toWire(object));
      const notice =
        version === 1
          ? data('UPDATE', 'Node', object)
          : { changes: [changed(body, i)], sequence: BigInt(i + 1) };
      for (const peer of all) peer.send(notice);
    }
    return () => {
      for (const peer of all) peer.close();
      host.ask({ holdUp: false });
    };
  });

  attack(`version ${version}: objects that are small and many`, LIMITS.maxHeldBytes + READING, async () => {
    const all = await peers();
    const before = seen((await host.report()).counters);
    const bodies = Array.from({ length: 20_000 }, (_, i) => node(i.toString(36)));
    if (version === 1) {
      for (const object of bodies) for (const peer of all) peer.send(data('UPDATE', 'Node', object));
    } else {
      for (let i = 0; i < bodies.length; i += 500) {
        const changes = bodies
          .slice(i, i + 500)
          .map((object) => changed(Buffer.from(OBJECTS.Node.toWire(object))));
        for (const peer of all) peer.send({ changes, sequence: BigInt(i / 500 + 1) });
      }
    }
    await host.until(
      'all taken or refused',
      ({ peers: left, counters }) => left === 0 || seen(counters) >= before + SESSIONS * bodies.length,
    );
    return () => {
      for (const peer of all) peer.close();
    };
  });

  attack(`version ${version}: nothing is read`, WRITING + WAITING, async () => {
    const sessions = Array.from({ length: SESSIONS }, () => httpSession(address));
    for (const on of sessions) {
      const stream = call(on);
      stream.pause();
      stream.write(framed(encodeNotice(first())));
    }
    await host.until('the sessions', ({ peers }) => peers === SESSIONS);
    for (let i = 0; i < 40; i++) host.ask({ change: { from: 0, to: 20, letters: 50_000 } });
    host.ask({ change: { from: 20, to: 1500, letters: 10 } });
    return () => {
      for (const on of sessions) on.destroy();
    };
  });
}

test('the host ends in order', () => host.stop());

test.run();
