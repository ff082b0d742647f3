import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createLogger, STATUS_NAMES } from '@edgeplane/base';
import {
  PodServiceAllocateResponse,
  PodServiceService,
} from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import { type RpcServer, unary } from '@edgeplane/rpc';
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import type { Door, DoorName } from './door.js';
import { callerOf } from './identity.js';
import type { OpenedDoor } from './opened-door.js';
import type { DoorSettings } from './settings.js';
import { openTestDoor, testDoorContext } from './testing.js';

/** A door for tests of what the frame does, and callers of it. */

/** A door of whatever name with Aurae's services, that remembers who called. */
export class PodDoor implements Door {
  readonly callers: string[] = [];
  stopped = 0;
  readonly name: DoorName;

  constructor(name: DoorName) {
    this.name = name;
  }

  async start(): Promise<void> {}

  addServices(to: RpcServer): void {
    const answer = unary((_request: unknown, context) => {
      this.callers.push(callerOf(context));
      assert.equal(context.metadata.get('authorization'), []);
      return PodServiceAllocateResponse.create() as never;
    });
    to.addService(PodServiceService, { allocate: answer, start: answer, stop: answer, free: answer });
  }

  handleHttp(_request: IncomingMessage, response: ServerResponse): void {
    response.end('inside');
  }

  async stop(): Promise<void> {
    this.stopped += 1;
  }
}

/** Opens a door, has `use` call it, and closes it; also says what was logged meanwhile. */
export async function withDoor(
  name: DoorName,
  over: Partial<DoorSettings>,
  use: (opened: OpenedDoor, door: PodDoor) => Promise<void>,
): Promise<string> {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'test', level: 'trace', destination });
  const context = testDoorContext({ logger });
  const door = new PodDoor(name);
  const opened = await openTestDoor(door, context, over);
  try {
    await use(opened, door);
  } finally {
    await opened.stop('keep');
    context.remove();
  }
  assert.is(door.stopped, 1);
  return lines.join('');
}

const METHODS = {
  service: '/aurae.runtime.pod.v0.PodService/Allocate',
  health: '/grpc.health.v1.Health/Check',
  unknown: '/aurae.runtime.pod.v0.PodService/Nothing',
  foreign: '/no.such/Method',
};

/** What a caller shows. */
export interface Dialled {
  readonly cert?: { readonly cert: string; readonly key: string } | undefined;
  readonly plain?: boolean;
  readonly authorization?: string;
}

/** Status names of calls of a door, by what was called; `ca` is the file of the CA that the caller trusts. */
export async function statuses(address: string, ca: string, how: Dialled): Promise<Record<string, string>> {
  const read = (path: string) => readFileSync(path);
  const { cert } = how;
  const credentials = how.plain
    ? ChannelCredentials.createInsecure()
    : ChannelCredentials.createSsl(read(ca), ...(cert ? [read(cert.key), read(cert.cert)] : []));
  const client = new Client(address, credentials, { 'grpc.enable_retries': 0 });
  const metadata = () => {
    const made = new Metadata();
    if (how.authorization !== undefined) made.set('authorization', how.authorization);
    // What a client says of itself counts for nothing.
    made.set('edgeplane-caller-bin', Buffer.from('uid:0'));
    return made;
  };
  const deadline = () => ({ deadline: Date.now() + 20_000 });
  const raw = (value: Buffer) => value;
  const nameOf = (error: { code: number } | null) => STATUS_NAMES[error?.code ?? 0] ?? '';
  const out: Record<string, string> = {};
  for (const [what, path] of Object.entries(METHODS)) {
    out[what] = await new Promise((resolve) => {
      const done = (error: { code: number } | null) => resolve(nameOf(error));
      client.makeUnaryRequest(path, raw, raw, Buffer.alloc(0), metadata(), deadline(), done);
    });
  }
  out['reflection'] = await new Promise((resolve) => {
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const call = client.makeBidiStreamRequest(path, raw, raw, metadata(), deadline());
    call.on('data', () => undefined);
    call.on('error', (error: Error & { code: number }) => resolve(nameOf(error)));
    call.on('end', () => resolve('OK'));
    // list_services
    call.write(Buffer.from([0x3a, 0]));
    call.end();
  });
  client.close();
  return out;
}

/** Fails unless the promise does, with such a message. */
export async function rejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: Error) => reason,
  );
  assert.match(error?.message ?? 'it did not fail', pattern);
}
