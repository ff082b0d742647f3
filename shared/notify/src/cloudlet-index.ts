import type { SendSource } from './types.js';

/** Where a key belongs, and whether it came or went. */
export interface Moved extends Place {
  readonly was: boolean;
  readonly is: boolean;
}

interface Place {
  readonly cloudlet: string;
  /** Key JSON of the App of an AppInst. */
  readonly app: string | undefined;
}

/** Which keys of a source belong to which cloudlet, worked out from each key once. */
export class CloudletIndex {
  readonly #source: SendSource;
  readonly #appKeyJson: ((key: unknown) => string | undefined) | undefined;
  readonly #places = new Map<string, Place>();
  readonly #byCloudlet = new Map<string, Set<string>>();

  /** `appKeyJson`: for AppInsts, the App's key JSON by AppInst key. */
  constructor(source: SendSource, appKeyJson?: (key: unknown) => string | undefined) {
    this.#source = source;
    this.#appKeyJson = appKeyJson;
    for (const keyJson of source.keys()) this.update(keyJson);
  }

  /** Follows a put or delete of a key; where the key belongs, also when it is gone. Undefined for a broken key. */
  update(keyJson: string): Moved | undefined {
    const place = this.#places.get(keyJson) ?? this.#parse(keyJson);
    if (!place) return undefined;
    const was = this.#places.has(keyJson);
    const exists = this.#source.get(keyJson) !== undefined;
    const keys = this.#byCloudlet.get(place.cloudlet);
    if (exists) {
      this.#places.set(keyJson, place);
      if (keys) keys.add(keyJson);
      else this.#byCloudlet.set(place.cloudlet, new Set([keyJson]));
    } else {
      this.#places.delete(keyJson);
      keys?.delete(keyJson);
      if (keys?.size === 0) this.#byCloudlet.delete(place.cloudlet);
    }
    return { ...place, was, is: exists };
  }

  /** Keys of the cloudlet's objects. */
  keysOf(cloudlet: string): Iterable<string> {
    return this.#byCloudlet.get(cloudlet) ?? [];
  }

  cloudletOf(keyJson: string): string | undefined {
    return this.#places.get(keyJson)?.cloudlet;
  }

  appOf(keyJson: string): string | undefined {
    return this.#places.get(keyJson)?.app;
  }

  #parse(keyJson: string): Place | undefined {
    try {
      const { type } = this.#source;
      const object = this.#source.get(keyJson);
      const key = object === undefined ? type.parseKeyJson(keyJson) : type.key(object);
      const cloudlet = type.cloudletKeyJsonOfKey(key);
      return cloudlet === undefined ? undefined : { cloudlet, app: this.#appKeyJson?.(key) };
    } catch {
      // A key that cannot be parsed cannot be sent either; the encoder reports it.
      return undefined;
    }
  }
}
