import { fail, messageOf } from '@edgeplane/base';
import { CODECS, type MessageTypes } from '@edgeplane/objects';
import { Notice, NoticeAction, NotifyApiService } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from './errors.js';
import { isWellFormed } from './well-formed.js';

/** The highest protocol version spoken here. */
export const PROTOCOL_VERSION = 1;

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
  return encode({
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
): Buffer {
  return encode({
    action: NoticeAction.VERSION,
    version,
    any: { typeUrl: '', value: Buffer.alloc(0) },
    wantObjs: [...wantObjs],
    filterCloudletKey,
  });
}

/** End of the initial objects, with an empty Any as the reference sends it. */
export const SENDALL_END_NOTICE: Buffer = encode({
  action: NoticeAction.SENDALL_END,
  version: 0,
  any: { typeUrl: '', value: Buffer.alloc(0) },
  wantObjs: [],
  filterCloudletKey: false,
});

/** @throws EdgeplaneError NOTICE_MALFORMED. */
export function decodeNotice(bytes: Uint8Array): Notice {
  if (!isWellFormed(bytes)) throw fail(notifyErrors.NOTICE_MALFORMED, { reason: 'not a protobuf message' });
  try {
    return Notice.decode(bytes);
  } catch (error) {
    throw fail(notifyErrors.NOTICE_MALFORMED, { reason: messageOf(error) }, { cause: error });
  }
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

function encode(notice: Notice): Buffer {
  return Buffer.from(Notice.encode(notice).finish());
}
