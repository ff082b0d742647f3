import { BinaryReader } from '@bufbuild/protobuf/wire';
import { currentVersionHash, OBJECTS } from '@edgeplane/objects';
import { type Held, Hello, Sync } from '@edgeplane/proto/edgeplane/notify.js';
import { Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';

/** Field numbers of Notice. */
const ACTION = 1;
const ANY = 3;
const HELLO = 100;
const CHANGES = 101;
const SYNC = 102;
const SEQUENCE = 104;

/** What a notice says, as far as somebody has to know who does not keep objects. */
export interface Glance {
  readonly action: number;
  readonly hello: Hello | undefined;
  /** Objects and tombstones in it. */
  readonly changes: number;
  readonly sync: readonly Sync[];
  /** 0 when it needs no ack. */
  readonly sequence: number;
}

/** Looks at a notice without decoding the objects in it. */
export function glance(bytes: Uint8Array): Glance {
  const reader = new BinaryReader(bytes);
  let [action, changes, sequence, any] = [0, 0, 0, false];
  let hello: Hello | undefined;
  const sync: Sync[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case ACTION:
        action = reader.int32();
        break;
      case CHANGES:
        changes += 1;
        reader.skip(tag & 7);
        break;
      case ANY:
        any = true;
        reader.skip(tag & 7);
        break;
      case SYNC:
        sync.push(Sync.decode(reader, reader.uint32()));
        break;
      case HELLO:
        hello = Hello.decode(reader, reader.uint32());
        break;
      case SEQUENCE:
        sequence = Number(reader.uint64());
        break;
      default:
        reader.skip(tag & 7);
    }
  }
  if (any && (action === NoticeAction.UPDATE || action === NoticeAction.DELETE)) changes += 1;
  return { action, hello, changes, sync, sequence };
}

const NOTHING = Notice.decode(new Uint8Array(0));

export function encode(what: Partial<Notice>): Uint8Array {
  return Notice.encode({ ...NOTHING, ...what }).finish();
}

export interface Opening {
  /** Of the protocol, 1 or 2. */
  readonly version: number;
  readonly node: string;
  /** Full names. */
  readonly wants: readonly string[];
  /** Name of the only cloudlet that is wanted; undefined for all objects. */
  readonly cloudlet: string | undefined;
  readonly held: Held[];
  readonly lastServer: string;
}

export const cloudletKey = (name: string) => ({ operatorKey: { name: 'op' }, name });
const INFO = OBJECTS.CloudletInfo;

/** The first notice of a client that reports nothing but its cloudlet. */
export function opening({ version, node, wants, cloudlet, held, lastServer }: Opening): Uint8Array {
  const scope = cloudlet === undefined ? [] : [encodedCloudlet(cloudlet)];
  const types = cloudlet === undefined ? [] : [INFO.fullName];
  const revisions = types.map(() => 1n);
  const said = {
    node,
    types,
    revisions,
    scope,
    held,
    lastServer,
    ...{ session: 0n, whole: [], scopeNumber: 0, origins: [], path: [] },
    lineage: node,
    dataModel: currentVersionHash(),
  };
  return encode({
    action: NoticeAction.VERSION,
    version,
    wantObjs: [...wants],
    filterCloudletKey: cloudlet !== undefined,
    hello: version >= 2 ? said : undefined,
  });
}

/** The report of a cloudlet, as the only frame that such a client sends besides its acks. */
export function report(cloudlet: string): Uint8Array {
  const info = { ...INFO.withKey(cloudletKey(cloudlet)), state: 1 as const };
  const object = Buffer.from(INFO.toWire(info));
  return encode({
    action: NoticeAction.SENDALL_END,
    changes: [{ type: 0, object, key: Buffer.alloc(0), revision: 1n, keyNumber: 0, origin: undefined }],
    sequence: 1n,
  });
}

export function ack(sequence: number): Uint8Array {
  return encode({ ack: BigInt(sequence) });
}

function encodedCloudlet(name: string): Buffer {
  return Buffer.from(OBJECTS.Cloudlet.toWire(OBJECTS.Cloudlet.withKey(cloudletKey(name))));
}
