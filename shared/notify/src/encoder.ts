import { type Logger, messageOf } from '@edgeplane/base';
import { NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import type { NotifyCounters, SendSource } from './types.js';
import { dataNotice } from './wire.js';

/** Deletes are encoded anew beyond this many recent ones; a burst of them still shares its bytes. */
const RECENT_DELETES = 256;

/** Turns the current state of a key into a notice, encoding each object once however many sessions send it. */
export class SourceEncoder {
  readonly source: SendSource;
  readonly #maxBytes: number;
  readonly #counters: NotifyCounters;
  readonly #logger: Logger;
  readonly #updates = new WeakMap<object, Buffer>();
  readonly #deletes = new Map<string, Buffer>();

  constructor(source: SendSource, maxBytes: number, counters: NotifyCounters, logger: Logger) {
    this.source = source;
    this.#maxBytes = maxBytes;
    this.#counters = counters;
    this.#logger = logger;
  }

  /**
   * UPDATE with the current object, or DELETE with nothing but the key. Undefined when the object cannot be sent: it
   * would break the session of every peer that it goes to, again after each reconnect.
   */
  frame(keyJson: string): Buffer | undefined {
    try {
      const object = this.source.get(keyJson);
      const frame = object === undefined ? this.#delete(keyJson) : this.#update(keyJson, object);
      if (frame.length <= this.#maxBytes) {
        const facts = { type: this.source.type.name, key: keyJson, gone: object === undefined };
        this.#logger.debug(facts, 'Notice sent');
        return frame;
      }
      return this.#refuse(keyJson, `${frame.length} bytes, more than the limit of ${this.#maxBytes}`);
    } catch (error) {
      return this.#refuse(keyJson, messageOf(error));
    }
  }

  #update(keyJson: string, object: unknown): Buffer {
    const identity = object as object;
    const known = this.#updates.get(identity);
    if (known) return known;
    const { type } = this.source;
    const frame = dataNotice(
      NoticeAction.UPDATE,
      type.fullName,
      this.source.wireOf?.(keyJson) ?? type.toWire(object),
    );
    this.#updates.set(identity, frame);
    return frame;
  }

  #delete(keyJson: string): Buffer {
    const known = this.#deletes.get(keyJson);
    if (known) return known;
    const { type } = this.source;
    const frame = dataNotice(
      NoticeAction.DELETE,
      type.fullName,
      type.toWire(type.withKey(type.parseKeyJson(keyJson))),
    );
    for (const oldest of this.#deletes.keys()) {
      if (this.#deletes.size < RECENT_DELETES) break;
      this.#deletes.delete(oldest);
    }
    this.#deletes.set(keyJson, frame);
    return frame;
  }

  #refuse(key: string, reason: string): undefined {
    this.#counters.unsendable += 1;
    this.#logger.error({ type: this.source.type.fullName, key, reason }, 'Object cannot be sent');
    return undefined;
  }
}
