import type { Duplex } from 'node:stream';
import { seededRandom, silentLogger, systemClock } from '@edgeplane/base';
import { type KeyOf, OBJECTS, type ObjectName, type ObjectOf } from '@edgeplane/objects';
import { Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { bidiStream, connect, RpcServer } from '@edgeplane/rpc';
import { Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { NotifyClient, type NotifyClientOptions } from './client.js';
import { ObjectTable } from './object-table.js';
import { NotifyServer } from './server.js';
import type { NotifyServerOptions } from './server-options.js';
import { encodeNotice } from './v2/notices.js';
import { RawNotifyService } from './wire.js';

export { TestLink } from './testing-link.js';

/** Polls on the event loop; fails after a minute, so that a busy machine may have a connection made again. */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  for (let i = 0; i < 30_000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${what}: not met in time`);
}

export function table<N extends ObjectName>(name: N): ObjectTable<ObjectOf<N>, KeyOf<N>> {
  return new ObjectTable(OBJECTS[name]);
}

export const cloudletKey = (name: string) => ({ operatorKey: { name: 'op' }, name });
export const appKey = (name: string) => ({ developerKey: { name: 'dev' }, name, version: '1' });
export const clusterInstKey = (cloudlet: string, name: string) => ({
  clusterKey: { name },
  cloudletKey: cloudletKey(cloudlet),
  developer: 'dev',
});
export const appInstKey = (app: string, cloudlet: string) => ({
  appKey: appKey(app),
  clusterInstKey: clusterInstKey(cloudlet, 'c'),
});

/** Objects of the types that servers send, as short as they can be. */
export const make = {
  flavor: (name: string, ram = 1n) => ({ ...OBJECTS.Flavor.withKey({ name }), ram }),
  cloudlet: (name: string) => OBJECTS.Cloudlet.withKey(cloudletKey(name)),
  cloudletInfo: (name: string) => OBJECTS.CloudletInfo.withKey(cloudletKey(name)),
  cluster: (name: string) => OBJECTS.Cluster.withKey({ name }),
  clusterInst: (cloudlet: string, name = 'c') => OBJECTS.ClusterInst.withKey(clusterInstKey(cloudlet, name)),
  app: (name: string) => OBJECTS.App.withKey(appKey(name)),
  appInst: (app: string, cloudlet: string, uri = '') => ({
    ...OBJECTS.AppInst.withKey(appInstKey(app, cloudlet)),
    uri,
  }),
};

/** A controller's tables. */
export function controllerTables() {
  return {
    flavor: table('Flavor'),
    cloudlet: table('Cloudlet'),
    cluster: table('Cluster'),
    clusterInst: table('ClusterInst'),
    app: table('App'),
    appInst: table('AppInst'),
  };
}

export async function startServer(options: Partial<NotifyServerOptions>) {
  const server = new NotifyServer({
    sources: [],
    receivers: [],
    messageReceivers: [],
    logger: silentLogger,
    clock: systemClock,
    ...options,
  });
  return { server, address: await server.listen('127.0.0.1:0') };
}

export function newClient(address: string, options: Partial<NotifyClientOptions>): NotifyClient {
  return new NotifyClient({
    addrs: [address],
    filterCloudletKey: false,
    sources: [],
    receivers: [],
    messageReceivers: [],
    logger: silentLogger,
    clock: systemClock,
    random: seededRandom(1),
    ...options,
  });
}

/** Everything that a raw peer has received, and why its stream ended. */
export interface RawPeer {
  readonly bytes: Buffer[];
  readonly notices: Notice[];
  /** Status number and text, once ended. */
  ended: { code: number; details: string } | undefined;
  send(notice: Partial<Notice> | Buffer): void;
  end(): void;
  pause(): void;
  resume(): void;
  close(): void;
}

function encode(notice: Partial<Notice> | Buffer): Buffer {
  return Buffer.isBuffer(notice) ? notice : encodeNotice(notice);
}

/** A client made of plain grpc-js and bytes. */
export function rawClient(address: string): RawPeer {
  const client = connect(Client, address);
  const { path, requestSerialize, responseDeserialize } = RawNotifyService.streamNotice;
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  const peer: RawPeer = {
    bytes: [],
    notices: [],
    ended: undefined,
    send: (notice) => void call.write(encode(notice)),
    end: () => void call.end(),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    close: () => {
      call.cancel();
      client.close();
    },
  };
  call.on('data', (bytes: Buffer) => {
    peer.bytes.push(bytes);
    peer.notices.push(Notice.decode(bytes));
  });
  call.on('error', () => undefined);
  call.on('status', (status) => {
    peer.ended = { code: status.code, details: status.details };
  });
  return peer;
}

/** A server made of plain grpc-js and bytes; `onNotice` answers. */
export async function rawServer(
  onNotice: (notice: Notice, send: (notice: Partial<Notice> | Buffer) => void, nth: number) => void,
) {
  const received: Buffer[] = [];
  let connections = 0;
  const server = new RpcServer({ logger: silentLogger, name: 'raw' });
  const ends: (() => void)[] = [];
  server.addService(RawNotifyService, {
    streamNotice: bidiStream(async (call, context) => {
      const nth = connections++;
      const stream = call as unknown as Duplex;
      stream.on('error', () => undefined);
      call.on('data', (bytes: Buffer) => {
        received.push(bytes);
        onNotice(Notice.decode(bytes), (notice) => void call.write(encode(notice)), nth);
      });
      await new Promise<void>((resolve) => {
        ends.push(resolve);
        call.on('end', resolve);
        context.signal.addEventListener('abort', () => resolve());
      });
    }),
  });
  const address = await server.listen('127.0.0.1:0');
  return {
    address,
    received,
    /** Ends the sessions of all clients. */
    drop() {
      for (const end of ends.splice(0)) end();
    },
    get connections() {
      return connections;
    },
    async stop() {
      for (const end of ends.splice(0)) end();
      await server.stop(100);
    },
  };
}

/** Short form of notices: `UPDATE App`, `SENDALL_END`. */
export function outline(notices: readonly Notice[]): string[] {
  const names = Object.entries(NoticeAction);
  return notices.map((notice) => {
    const action = names.find(([, number]) => number === notice.action)?.[0] ?? String(notice.action);
    const type = notice.any?.typeUrl.replace('type.googleapis.com/edgeproto.', '') ?? '';
    return type === '' ? action : `${action} ${type}`;
  });
}

/** A VERSION notice as clients send it. */
export function hello(wants: readonly string[], filterCloudletKey = false, version = 1): Partial<Notice> {
  return {
    action: NoticeAction.VERSION,
    version,
    wantObjs: wants.map((name) => `edgeproto.${name}`),
    filterCloudletKey,
  };
}

/** A data notice around an object. */
export function data<N extends ObjectName>(
  action: 'UPDATE' | 'DELETE',
  name: N,
  object: ObjectOf<N>,
): Partial<Notice> {
  const value = Buffer.from(OBJECTS[name].toWire(object));
  return { action: NoticeAction[action], any: { typeUrl: `type.googleapis.com/edgeproto.${name}`, value } };
}
