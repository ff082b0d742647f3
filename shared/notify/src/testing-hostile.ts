/** What tests of peers that mean harm have in common: a host in a process of its own, and what is said to it by hand. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as http2Connect } from 'node:http2';
import { fileURLToPath } from 'node:url';
import { currentVersionHash, OBJECTS } from '@edgeplane/objects';
import type { Change, Hello } from '@edgeplane/proto/edgeplane/notify.js';
import type { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import type { NotifyLimits } from './limits.js';
import { hello } from './testing.js';
import type { HostReport, HostRequest } from './testing-host.js';

export const MIB = 1024 * 1024;

const path = '/edgeproto.NotifyApi/StreamNotice';
const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };

export interface Host {
  readonly address: string;
  /** What it has logged, up to the last report. */
  readonly lines: string[];
  ask(request: HostRequest): void;
  report(): Promise<HostReport>;
  /** Asks until it says so. */
  until(what: string, condition: (report: HostReport) => boolean): Promise<HostReport>;
  stop(): Promise<void>;
}

/** Starts a host with these limits. */
export async function startHost(limits: Partial<NotifyLimits>): Promise<Host> {
  const child = fork(fileURLToPath(new URL('./testing-host.ts', import.meta.url)), [JSON.stringify(limits)], {
    execArgv: [...process.execArgv, '--expose-gc'],
  });
  const exited = once(child, 'exit');
  const ask = (request: HostRequest) => void child.send(request);
  const [{ address }] = (await once(child, 'message')) as [{ address: string }];
  const lines: string[] = [];
  const report = async (): Promise<HostReport> => {
    const answer = once(child, 'message');
    ask({ report: true });
    const [told] = (await answer) as [HostReport];
    lines.push(...told.lines);
    return told;
  };
  return {
    ...{ address, lines, ask, report },
    async until(what, condition) {
      for (let i = 0; i < 400; i++) {
        const told = await report();
        if (condition(told)) return told;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`the host never came to: ${what}`);
    },
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

/** A session of HTTP/2 that makes calls by hand. */
export function httpSession(address: string): ClientHttp2Session {
  const made = http2Connect(`http://${address}`);
  made.on('error', () => undefined);
  return made;
}

export function call(on: ClientHttp2Session): ClientHttp2Stream {
  const stream = on.request(headers);
  stream.on('error', () => undefined);
  return stream;
}

export function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The first notice of version 2, of one who sends Nodes. */
export function version2(over: Partial<Hello> = {}, filtered = false): Partial<Notice> {
  const said: Hello = {
    ...{ node: `hostile ${Math.random()}`, dataModel: currentVersionHash(), types: ['edgeproto.Node'] },
    ...{ lineage: 'l', revisions: [0n], scope: [], held: [], lastServer: '' },
    ...{ session: 0n, whole: [], scopeNumber: 0, origins: [], path: [] },
    ...over,
  };
  return { ...hello(['Flavor'], filtered, 2), hello: said };
}

export const node = (name: string) =>
  OBJECTS.Node.withKey({ ...OBJECTS.Node.empty().key, name } as Parameters<typeof OBJECTS.Node.withKey>[0]);

/** A change of the first type of {@link version2}. */
export function changed(object: Buffer, keyNumber = 7): Change {
  return { type: 0, object, key: Buffer.alloc(0), revision: 1n, keyNumber, origin: undefined };
}
