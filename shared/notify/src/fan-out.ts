import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { CloudletIndex, type Moved } from './cloudlet-index.js';
import type { SourceEncoder } from './encoder.js';
import type { Feed } from './sender.js';

/** A session as a target of changes. */
export interface Subscriber {
  /** Full names of wanted types. */
  readonly wants: ReadonlySet<string>;
  /** Gets only objects of its cloudlets. */
  readonly filtered: boolean;
  /** Notes that the key of a type, by place in send order, is to be sent. */
  mark(type: number, keyJson: string): void;
}

/** How a type is filtered for agents (controller spec section 17.4). */
export type Rule = 'everything' | 'by cloudlet' | 'with its instances';

function ruleOf(type: ObjectType<unknown, unknown>): Rule {
  if (type.name === 'App') return 'with its instances';
  return type.options.cloudlet === '' ? 'everything' : 'by cloudlet';
}

function appKeyJson(key: unknown): string | undefined {
  const { appKey } = key as AppInstKey;
  return appKey && OBJECTS.App.keyJson(appKey);
}

/** One type on its way to the sessions. */
export interface Lane {
  readonly place: number;
  readonly encoder: SourceEncoder;
  readonly rule: Rule;
  /** Sessions that get every change of this type. */
  readonly everyChange: Set<Subscriber>;
  /** Of types filtered by cloudlet. */
  readonly index: CloudletIndex | undefined;
}

export type LaneListener = (lane: Lane, keyJson: string, moved: Moved | undefined) => void;

/**
 * From a change to the sessions that it concerns, and to no others: sessions are looked up by type, and filtered ones
 * by cloudlet.
 */
export class FanOut {
  readonly #lanes: readonly Lane[];
  readonly #listeners = new Set<LaneListener>();
  readonly #appPlace: number;
  readonly #byCloudlet = new Map<string, Set<Subscriber>>();
  readonly #subscriptions: (() => void)[] = [];

  /** `encoders` in send order. Follows the sources until {@link stop}. */
  constructor(encoders: readonly SourceEncoder[]) {
    this.#appPlace = encoders.findIndex((encoder) => encoder.source.type.name === 'App');
    this.#lanes = encoders.map((encoder, place) => {
      const { type } = encoder.source;
      const rule = ruleOf(type);
      const appOf = type.name === 'AppInst' ? appKeyJson : undefined;
      const index = rule === 'by cloudlet' ? new CloudletIndex(encoder.source, appOf) : undefined;
      return { place, encoder, rule, everyChange: new Set<Subscriber>(), index };
    });
    for (const lane of this.#lanes)
      this.#subscriptions.push(lane.encoder.source.subscribe((keyJson) => this.#changed(lane, keyJson)));
  }

  stop(): void {
    for (const end of this.#subscriptions) end();
  }

  /** The types in send order. */
  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  /** Calls back at every change, with where the key belongs if its type belongs to cloudlets. */
  onChange(listener: LaneListener): void {
    this.#listeners.add(listener);
  }

  /** What a session with these wishes sends. Filtered types have no initial objects: no cloudlet is known yet. */
  feed(wants: ReadonlySet<string>, filtered: boolean): Feed {
    const lanes = this.#lanes;
    return {
      types: lanes.length,
      initialKeys(place) {
        const lane = lanes[place];
        if (!lane || !wants.has(lane.encoder.source.type.fullName)) return [];
        return filtered && lane.rule !== 'everything' ? [] : lane.encoder.source.keys();
      },
      frame: (place, keyJson) => lanes[place]?.encoder.frame(keyJson),
    };
  }

  add(subscriber: Subscriber): void {
    for (const lane of this.#lanes) {
      if (!wanted(subscriber, lane)) continue;
      if (!subscriber.filtered || lane.rule === 'everything') lane.everyChange.add(subscriber);
    }
  }

  remove(subscriber: Subscriber, cloudlets: Iterable<string>): void {
    for (const lane of this.#lanes) lane.everyChange.delete(subscriber);
    for (const cloudlet of cloudlets) this.removeCloudlet(subscriber, cloudlet);
  }

  /** A filtered session has reported this cloudlet: it gets all that belongs to it, again at each report. */
  addCloudlet(subscriber: Subscriber, cloudlet: string): void {
    const subscribers = this.#byCloudlet.get(cloudlet);
    if (subscribers) subscribers.add(subscriber);
    else this.#byCloudlet.set(cloudlet, new Set([subscriber]));
    for (const lane of this.#lanes) {
      if (!lane.index || !wanted(subscriber, lane)) continue;
      for (const keyJson of lane.index.keysOf(cloudlet))
        this.#mark(subscriber, lane, keyJson, lane.index.appOf(keyJson));
    }
  }

  removeCloudlet(subscriber: Subscriber, cloudlet: string): void {
    const subscribers = this.#byCloudlet.get(cloudlet);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) this.#byCloudlet.delete(cloudlet);
  }

  #changed(lane: Lane, keyJson: string): void {
    const place = lane.index?.update(keyJson);
    for (const listener of this.#listeners) listener(lane, keyJson, place);
    for (const subscriber of lane.everyChange) subscriber.mark(lane.place, keyJson);
    if (!place) return;
    for (const subscriber of this.#byCloudlet.get(place.cloudlet) ?? [])
      if (wanted(subscriber, lane)) this.#mark(subscriber, lane, keyJson, place.app);
  }

  /** An AppInst takes its App along, which goes first because its type does. */
  #mark(subscriber: Subscriber, lane: Lane, keyJson: string, app: string | undefined): void {
    const appLane = this.#lanes[this.#appPlace];
    if (app !== undefined && appLane && wanted(subscriber, appLane)) subscriber.mark(appLane.place, app);
    subscriber.mark(lane.place, keyJson);
  }
}

function wanted(subscriber: Subscriber, lane: Lane): boolean {
  return subscriber.wants.has(lane.encoder.source.type.fullName);
}
