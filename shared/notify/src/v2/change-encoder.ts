import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { type Logger, messageOf } from '@edgeplane/base';
import { Change } from '@edgeplane/proto/edgeplane/notify.js';
import type { NotifyCounters, SendSource } from '../types.js';
import { type Fingerprint, fingerprint, keyNumber } from './digest.js';
import { numberSize, writeNumber } from './frame-bytes.js';
import type { FrameChange } from './frame-writer.js';

/** Tag of `Notice.changes`. */
const CHANGES = (101 << 3) | 2;
const NOTHING = Buffer.alloc(0);

/** A change as it stands in a frame, made once for all sessions. */
export interface EncodedChange extends Fingerprint, FrameChange {}

/** Turns the objects of one source into parts of frames, each object once. */
export class ChangeEncoder {
  readonly source: SendSource;
  readonly #place: number;
  readonly #maxBytes: number;
  readonly #counters: NotifyCounters;
  readonly #logger: Logger;
  readonly #known = new WeakMap<object, EncodedChange | 'refused'>();

  /** `place`: that of the type in the sender's hello. */
  constructor(source: SendSource, place: number, maxBytes: number, counters: NotifyCounters, logger: Logger) {
    this.source = source;
    this.#place = place;
    this.#maxBytes = maxBytes;
    this.#counters = counters;
    this.#logger = logger;
  }

  /** Undefined when there is no object, or none that can be sent: to receivers it does not exist. */
  object(keyJson: string): EncodedChange | undefined {
    const object = this.source.get(keyJson) as object | undefined;
    if (object === undefined) return undefined;
    let known = this.#known.get(object);
    if (!known) {
      known = this.#encode(keyJson, object);
      this.#known.set(object, known);
    }
    return known === 'refused' ? undefined : known;
  }

  /** Says that there is no object; undefined for a key that cannot be parsed: no such object was ever sent. */
  tombstone(keyJson: string): Buffer | undefined {
    const { type } = this.source;
    try {
      const key = type.toWire(type.withKey(type.parseKeyJson(keyJson)));
      return part({
        type: this.#place,
        object: NOTHING,
        key: Buffer.from(key),
        revision: BigInt(this.source.revision?.() ?? 0),
        keyNumber: 0,
        origin: this.source.originOf?.(keyJson),
      });
    } catch {
      return undefined;
    }
  }

  #encode(keyJson: string, value: object): EncodedChange | 'refused' {
    const { type } = this.source;
    try {
      const encoded = this.source.wireOf?.(keyJson) ?? type.toWire(value);
      const revision = this.source.revisionOf?.(keyJson) ?? 0;
      const origin = this.source.originOf?.(keyJson);
      const object = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
      const number = keyNumber(keyJson);
      const change = {
        type: this.#place,
        object,
        key: NOTHING,
        revision: BigInt(revision),
        keyNumber: number,
      };
      const bytes = origin ? part({ ...change, origin }) : objectPart(this.#place, object, revision, number);
      if (bytes.length <= this.#maxBytes)
        return { bytes, place: this.#place, key: keyJson, ...fingerprint(encoded) };
      return this.#refuse(keyJson, `${bytes.length} bytes, more than the limit of ${this.#maxBytes}`);
    } catch (error) {
      return this.#refuse(keyJson, messageOf(error));
    }
  }

  #refuse(key: string, reason: string): 'refused' {
    this.#counters.unsendable += 1;
    this.#logger.error({ type: this.source.type.fullName, key, reason }, 'Object cannot be sent');
    return 'refused';
  }
}

/** One element of `Notice.changes`: frames are made by putting such parts after one another. */
function part(change: Change): Buffer {
  const writer = new BinaryWriter();
  Change.encode(change, writer.uint32(CHANGES).fork()).join();
  return Buffer.from(writer.finish());
}

/** Tags of `Change.type`, `object`, `revision` and `key_number`. */
const TYPE = 1 << 3;
const OBJECT = (2 << 3) | 2;
const REVISION = 4 << 3;
const KEY_NUMBER = (5 << 3) | 5;

/** The same of an object that has no origin, as nearly all are: a server that starts makes one of each object at once. */
function objectPart(place: number, object: Uint8Array, revision: number, keyNumber: number): Buffer {
  const { length } = object;
  const size = 1 + numberSize(place) + 1 + numberSize(length) + length + 1 + numberSize(revision) + 5;
  const bytes = Buffer.allocUnsafe(numberSize(CHANGES) + numberSize(size) + size);
  let at = writeNumber(bytes, writeNumber(bytes, 0, CHANGES), size);
  at = writeNumber(bytes, writeNumber(bytes, at, TYPE), place);
  at = writeNumber(bytes, writeNumber(bytes, at, OBJECT), length);
  bytes.set(object, at);
  at = writeNumber(bytes, writeNumber(bytes, at + length, REVISION), revision);
  bytes.writeUInt32LE(keyNumber, writeNumber(bytes, at, KEY_NUMBER));
  return bytes;
}
