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
  };
}

export function encodeNotice(what: Partial<Notice>): Buffer {
  return Buffer.from(Notice.encode({ ...emptyNotice(), ...what }).finish());
}
