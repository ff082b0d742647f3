import { fail, messageOf } from '@edgeplane/base';
import { CODECS, type MessageTypes } from '@edgeplane/objects';
import type { Hello } from '@edgeplane/proto/edgeplane/notify.js';
import { Notice, NoticeAction, NotifyApiService } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from './errors.js';
import { isWithin, MOST_FIELDS } from './fields.js';
import { encodeNotice } from './v2/notices.js';
import { isWellFormed } from './well-formed.js';

/** The protocol versions that are spoken here. */
export const NOTIFY_VERSIONS = ['1', '2'] as const;

/** The highest of them. */
export const PROTOCOL_VERSION = 2;

/** The highest that is spoken without being told to. */
export const DEFAULT_VERSION = 2;

const URL_PREFIX = 'type.googleapis.com/';

/**
 * The stream as bytes: an encoded notice is shared by all sessions that it goes to, and a malformed one is our own to
 * report.
 */
export const RawNotifyService = {
  streamNotice: {
    path: NotifyApiService.streamNotice.path,
    requestStream: true as const,
    responseStream: true as const,
    requestSerialize: (bytes: Buffer): Buffer => bytes,
    requestDeserialize: (bytes: Buffer): Buffer => bytes,
    responseSerialize: (bytes: Buffer): Buffer => bytes,
    responseDeserialize: (bytes: Buffer): Buffer => bytes,
  },
} as const;

/** `Metric` and `edgeproto.Metric` are the same type. */
export function fullTypeName(name: string): string {
  return name.includes('.') ? name : `edgeproto.${name}`;
}

/** Type name of an Any: what follows the last `/`; undefined when there is none (controller spec section 17.2). */
export function typeOfUrl(url: string): string | undefined {
  const slash = url.lastIndexOf('/');
  return slash < 0 ? undefined : url.slice(slash + 1);
}

/** An UPDATE or DELETE notice around an encoded object. */
export function dataNotice(action: NoticeAction, fullName: string, value: Uint8Array): Buffer {
  return encodeNotice({
    action,
    version: 0,
    any: { typeUrl: URL_PREFIX + fullName, value: Buffer.from(value) },
    wantObjs: [],
    filterCloudletKey: false,
  });
}

/**
 * A notice around a message. The action says nothing; UPDATE is what every peer accepts.
 * @throws EdgeplaneError NOTICE_TOO_LARGE: it would end the session that it goes to.
 */
export function messageNotice(fullName: string, message: unknown, limit: number): Buffer {
  const frame = dataNotice(NoticeAction.UPDATE, fullName, messageCodec(fullName).encode(message).finish());
  if (frame.length > limit) throw fail(notifyErrors.NOTICE_TOO_LARGE, { bytes: frame.length, limit });
  return frame;
}

/** The handshake notice of either end; a server sends no filter wish. */
export function versionNotice(
  version: number,
  wantObjs: readonly string[],
  filterCloudletKey: boolean,
  hello?: Hello,
): Buffer {
  return encodeNotice({
    action: NoticeAction.VERSION,
    version,
    any: { typeUrl: '', value: Buffer.alloc(0) },
    wantObjs: [...wantObjs],
    filterCloudletKey,
    hello,
  });
}

/** A message in a notice of version 2. @throws EdgeplaneError NOTICE_TOO_LARGE */
export function messageFrame(fullName: string, message: unknown, limit: number): Buffer {
  const body = Buffer.from(messageCodec(fullName).encode(message).finish());
  const frame = encodeNotice({ messages: [{ type: fullName, body }] });
  if (frame.length > limit) throw fail(notifyErrors.NOTICE_TOO_LARGE, { bytes: frame.length, limit });
  return frame;
}

/** End of the initial objects, with an empty Any as the reference sends it. */
export const SENDALL_END_NOTICE: Buffer = encodeNotice({
  action: NoticeAction.SENDALL_END,
  version: 0,
  any: { typeUrl: '', value: Buffer.alloc(0) },
  wantObjs: [],
  filterCloudletKey: false,
});

const NOTICE = 'edgeproto.Notice';

/** @throws EdgeplaneError NOTICE_MALFORMED, NOTICE_TOO_COMPLEX. */
export function decodeNotice(bytes: Uint8Array): Notice {
  if (!isWellFormed(bytes)) throw fail(notifyErrors.NOTICE_MALFORMED, { reason: 'not a protobuf message' });
  if (!isWithin(bytes, NOTICE)) throw fail(notifyErrors.NOTICE_TOO_COMPLEX, { limit: MOST_FIELDS });
  try {
    return Notice.decode(bytes);
  } catch (error) {
    throw fail(notifyErrors.NOTICE_MALFORMED, { reason: messageOf(error) }, { cause: error });
  }
}

/**
 * Bytes of a body that can be decoded without fear.
 * @throws EdgeplaneError NOTICE_MALFORMED, NOTICE_TOO_COMPLEX
 */
export function checkedBody(body: Uint8Array, fullName: string): Uint8Array {
  if (!isWellFormed(body)) throw fail(notifyErrors.NOTICE_MALFORMED, { reason: 'not a protobuf message' });
  if (!isWithin(body, fullName)) throw fail(notifyErrors.NOTICE_TOO_COMPLEX, { limit: MOST_FIELDS });
  return body;
}

interface MessageCodec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

/** Codec of a message type by full name. @throws Error for an unknown name: a programming mistake. */
export function messageCodec(fullName: string): MessageCodec {
  const codec = CODECS[fullName.replace(/^edgeproto\./, '') as keyof MessageTypes];
  if (!codec) throw new Error(`no message ${fullName}`);
  return codec as unknown as MessageCodec;
}
