import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { type Logger, messageOf } from '@edgeplane/base';
import { Change } from '@edgeplane/proto/edgeplane/notify.js';
import type { NotifyCounters, SendSource } from '../types.js';
import { type Fingerprint, fingerprint, keyNumber } from './digest.js';
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

  #encode(keyJson: string, object: object): EncodedChange | 'refused' {
    const { type } = this.source;
    try {
      const encoded = this.source.wireOf?.(keyJson) ?? type.toWire(object);
      const bytes = part({
        type: this.#place,
        object: Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength),
        key: NOTHING,
        revision: BigInt(this.source.revisionOf?.(keyJson) ?? 0),
        keyNumber: keyNumber(keyJson),
        origin: this.source.originOf?.(keyJson),
      });
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
