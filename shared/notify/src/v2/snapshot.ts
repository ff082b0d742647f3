import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { fail, messageOf } from '@edgeplane/base';
import type { Change } from '@edgeplane/proto/edgeplane/notify.js';
import { notifyErrors } from '../errors.js';
import { decodeNotice } from '../wire.js';
import type { EncodedChange } from './change-encoder.js';
import type { FrameKey, FrameKeys } from './frame-keys.js';

/** Tag of `Notice.packed`. */
const PACKED = (109 << 3) | 2;
/** Changes are packed together up to this size. Larger ones go by themselves. */
const PACK_BYTES = 64 * 1024;
/** No more comes out of what is packed, bytes (docs/notify-protocol.md, Frames). */
const MOST_UNPACKED = 2 * PACK_BYTES;
const LEVEL = constants.Z_BEST_SPEED;

/** Several changes, as they stand in a frame. */
export interface Pack {
  readonly bytes: Buffer;
  readonly keys: FrameKeys;
}

/** All objects of a set, made for everybody who holds nothing. */
export interface Snapshot {
  readonly packs: readonly Pack[];
  /** Keys of those that are too large to be packed. */
  readonly rest: readonly string[];
}

/** `place`: that of the type. */
export function snapshotOf(place: number, objects: Iterable<readonly [string, EncodedChange]>): Snapshot {
  const packs: Pack[] = [];
  const rest: string[] = [];
  let parts: Buffer[] = [];
  let keys: FrameKey[] = [];
  let size = 0;
  const flush = () => {
    if (parts.length > 0) packs.push({ bytes: packed(parts), keys });
    [parts, keys, size] = [[], [], 0];
  };
  for (const [key, { bytes }] of objects) {
    if (bytes.length > PACK_BYTES) {
      rest.push(key);
      continue;
    }
    parts.push(bytes);
    keys.push({ place, key });
    size += bytes.length;
    if (size >= PACK_BYTES) flush();
  }
  flush();
  return { packs, rest };
}

function packed(parts: readonly Buffer[]): Buffer {
  const deflated = deflateRawSync(Buffer.concat(parts), { level: LEVEL });
  return Buffer.from(new BinaryWriter().uint32(PACKED).bytes(deflated).finish());
}

/** The changes of a pack. @throws EdgeplaneError NOTICE_MALFORMED */
export function unpacked(bytes: Uint8Array): Change[] {
  let notice: Buffer;
  try {
    notice = inflateRawSync(bytes, { maxOutputLength: MOST_UNPACKED });
  } catch (error) {
    const reason = `changes that cannot be unpacked: ${messageOf(error)}`;
    throw fail(notifyErrors.NOTICE_MALFORMED, { reason }, { cause: error });
  }
  return decodeNotice(notice).changes;
}
