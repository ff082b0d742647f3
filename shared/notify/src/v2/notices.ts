import { Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';

const NOTHING = Buffer.alloc(0);

/** A notice that says nothing. */
export function emptyNotice(): Notice {
  return {
    action: NoticeAction.NONE,
    version: 0,
    any: undefined,
    wantObjs: [],
    filterCloudletKey: false,
    hello: undefined,
    changes: [],
    sync: [],
    messages: [],
    sequence: 0n,
    ack: 0n,
    nacks: [],
    scope: undefined,
    drain: undefined,
    packed: NOTHING,
    gone: [],
    asksStore: 0,
    store: undefined,
  };
}

/** First byte and second of a notice that begins with `ack`. */
const ACK = [0xc8, 0x06] as const;

/** Up to which frame a notice acknowledges that does nothing else, as most do that are received; undefined for any other. */
export function onlyAck(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== ACK[0] || bytes[1] !== ACK[1]) return undefined;
  let ack = 0;
  for (let at = ACK.length, unit = 1; at < bytes.length && unit < 2 ** 49; at++, unit *= 128) {
    const byte = bytes[at] ?? 0;
    ack += (byte & 0x7f) * unit;
    if (byte < 0x80) return at === bytes.length - 1 ? ack : undefined;
  }
  return undefined;
}

export function encodeNotice(what: Partial<Notice>): Buffer {
  return Buffer.from(Notice.encode({ ...emptyNotice(), ...what }).finish());
}
