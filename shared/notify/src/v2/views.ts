import type { Logger } from '@edgeplane/base';
import type { Moved } from '../cloudlet-index.js';
import type { FanOut, Lane } from '../fan-out.js';
import type { NotifyCounters } from '../types.js';
import { AppPlaces } from './app-places.js';
import { ChangeEncoder } from './change-encoder.js';
import { DigestMarks } from './marks.js';
import { Tombstones } from './tombstones.js';
import { ViewSet } from './view-set.js';

/** Scope of a view set that holds every object. */
export const EVERYTHING = '';

/** A session as a target of changes. */
export interface ViewSubscriber {
  /** Notes that what the session should hold under a key, of the type in this place, may have changed. */
  mark(place: number, keyJson: string): void;
}

interface Scoped {
  readonly set: ViewSet;
  readonly subscribers: Set<ViewSubscriber>;
}

/** One type, with what is kept of it for sessions of version 2. */
export interface ViewLane {
  readonly place: number;
  readonly type: string;
  readonly lane: Lane;
  readonly encoder: ChangeEncoder;
  readonly tombstones: Tombstones;
}

export interface ViewsOptions {
  readonly fanOut: FanOut;
  readonly maxBytes: number;
  readonly maxTombstones: number;
  readonly counters: NotifyCounters;
  readonly logger: Logger;
}

/**
 * What receivers of version 2 should hold, per type and cloudlet: fingerprints and their sums, shared by all sessions of
 * the same scope and kept only while there are any. A change costs what it concerns.
 */
export class Views {
  readonly lanes: readonly ViewLane[];
  readonly digestMarks = new DigestMarks();
  readonly #apps = new AppPlaces();
  readonly #appLane: ViewLane | undefined;
  readonly #instLane: ViewLane | undefined;
  /** By place, then by scope. */
  readonly #scopes: readonly Map<string, Scoped>[];

  constructor({ fanOut, maxBytes, maxTombstones, counters, logger }: ViewsOptions) {
    this.lanes = fanOut.lanes.map((lane) => {
      const { place, encoder } = lane;
      const { source } = encoder;
      return {
        place,
        type: source.type.fullName,
        lane,
        encoder: new ChangeEncoder(source, place, maxBytes, counters, logger),
        tombstones: new Tombstones(maxTombstones, source.revision?.() ?? 0),
      };
    });
    this.#scopes = this.lanes.map(() => new Map());
    this.#appLane = this.lanes.find(({ lane }) => lane.rule === 'with its instances');
    this.#instLane = this.lanes.find(({ lane }) => lane.encoder.source.type.name === 'AppInst');
    const index = this.#instLane?.lane.index;
    for (const key of this.#instLane?.lane.encoder.source.keys() ?? []) {
      const [cloudlet, app] = [index?.cloudletOf(key), index?.appOf(key)];
      if (cloudlet !== undefined && app !== undefined) this.#apps.count(cloudlet, app, 1);
    }
    fanOut.onChange((lane, keyJson, moved) => this.#changed(lane, keyJson, moved));
  }

  subscribe(lane: ViewLane, scope: string, subscriber: ViewSubscriber): void {
    const scopes = this.#scopes[lane.place];
    let scoped = scopes?.get(scope);
    if (!scoped) {
      scoped = { set: new ViewSet(lane.place), subscribers: new Set() };
      for (const key of this.#keysOf(lane, scope)) scoped.set.put(key, lane.encoder.object(key));
      scopes?.set(scope, scoped);
    }
    scoped.subscribers.add(subscriber);
  }

  unsubscribe(lane: ViewLane, scope: string, subscriber: ViewSubscriber): void {
    const scoped = this.#scopes[lane.place]?.get(scope);
    scoped?.subscribers.delete(subscriber);
    if (scoped?.subscribers.size === 0) this.#scopes[lane.place]?.delete(scope);
  }

  /** What subscribers of a scope should hold; there is one while somebody subscribes. */
  set(lane: ViewLane, scope: string): ViewSet | undefined {
    return this.#scopes[lane.place]?.get(scope)?.set;
  }

  /** App of an AppInst that exists, or did when it was last heard of here. */
  appOfInst(keyJson: string): string | undefined {
    return this.#instLane?.lane.index?.appOf(keyJson);
  }

  get appPlace(): number | undefined {
    return this.#appLane?.place;
  }

  get instPlace(): number | undefined {
    return this.#instLane?.place;
  }

  #keysOf({ lane }: ViewLane, scope: string): Iterable<string> {
    if (scope === EVERYTHING) return lane.encoder.source.keys();
    return lane.rule === 'with its instances' ? this.#apps.appsOn(scope) : (lane.index?.keysOf(scope) ?? []);
  }

  #changed(changed: Lane, keyJson: string, moved: Moved | undefined): void {
    const lane = this.lanes[changed.place];
    if (!lane) return;
    const { source } = lane.encoder;
    if (source.get(keyJson) === undefined) lane.tombstones.add(keyJson, source.revision?.() ?? 0);
    else lane.tombstones.remove(keyJson);
    if (lane === this.#instLane && moved?.app !== undefined)
      this.#instMoved(moved.cloudlet, moved.app, moved);
    this.#update(lane, EVERYTHING, keyJson);
    if (lane === this.#appLane) {
      for (const cloudlet of this.#apps.cloudletsOf(keyJson)) this.#update(lane, cloudlet, keyJson);
    } else if (moved) this.#update(lane, moved.cloudlet, keyJson);
  }

  /** An App comes into view with its first instance on a cloudlet, and leaves with the last. */
  #instMoved(cloudlet: string, app: string, { was, is }: Moved): void {
    if (was === is || !this.#apps.count(cloudlet, app, is ? 1 : -1) || !this.#appLane) return;
    this.#update(this.#appLane, cloudlet, app);
  }

  #update(lane: ViewLane, scope: string, keyJson: string): void {
    const scoped = this.#scopes[lane.place]?.get(scope);
    if (!scoped) return;
    const inView = scope === EVERYTHING || lane !== this.#appLane || this.#apps.isOn(scope, keyJson);
    scoped.set.put(keyJson, inView ? lane.encoder.object(keyJson) : undefined);
    for (const subscriber of scoped.subscribers) subscriber.mark(lane.place, keyJson);
  }
}
