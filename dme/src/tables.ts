import { OBJECTS } from '@edgeplane/objects';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { Place } from './geo.js';
import { type Instance, StoredInstance } from './instance.js';
import type { Carriers } from './matcher.js';
import type { Match } from './nearby.js';
import { Offer } from './offer.js';
import { Sites } from './sites.js';

/** An App with its instances. */
export interface AppEntry extends Carriers<Instance> {
  readonly key: AppKey;
  /** PEM; empty when clients need no token. */
  readonly authPublicKey: string;
  readonly androidPackageName: string;
  readonly permitsPlatformApps: boolean;
  /** Operator names, sorted. */
  carriers(): readonly string[];
  hasCarrier(carrier: string): boolean;
  /** The instances on cloudlets of a carrier, in no order. */
  candidates(carrier: string): Iterable<Instance>;
}

/** What is offered of one App. The App itself may not have come yet. */
class Entry implements AppEntry {
  readonly offers = new Map<string, Offer>();
  /** The App is there; before that, instances wait for it. */
  known = false;
  key: AppKey;
  authPublicKey = '';
  androidPackageName = '';
  permitsPlatformApps = false;

  constructor(key: AppKey) {
    this.key = key;
  }

  nearest(carrier: string, place: Place): Match<Instance> | undefined {
    return this.offers.get(carrier)?.nearest(place);
  }

  candidates(carrier: string): Iterable<Instance> {
    return this.offers.get(carrier) ?? [];
  }

  carriers(): readonly string[] {
    return [...this.offers.keys()].sort();
  }

  hasCarrier(carrier: string): boolean {
    return this.offers.has(carrier);
  }

  add(instance: StoredInstance): void {
    const carrier = carrierOf(instance);
    const offer = this.offers.get(carrier) ?? new Offer();
    offer.add(instance);
    this.offers.set(carrier, offer);
  }

  remove(instance: StoredInstance): void {
    const carrier = carrierOf(instance);
    const offer = this.offers.get(carrier);
    offer?.remove(instance);
    if (offer?.size === 0) this.offers.delete(carrier);
  }
}

/**
 * Apps and their instances, by App key and carrier (match engine spec section 2.2). The state of an AppInst is not
 * looked at. An AppInst that comes before its App waits for it. Every change costs the same however large the table is.
 */
export class AppTable {
  readonly #apps = new Map<string, Entry>();
  readonly #instances = new Map<string, StoredInstance>();
  readonly #sites = new Sites();
  #known = 0;

  /** Number of Apps. */
  get appCount(): number {
    return this.#known;
  }

  /** Number of AppInsts, with those that wait. */
  get instanceCount(): number {
    return this.#instances.size;
  }

  app(key: AppKey): AppEntry | undefined {
    const entry = this.#apps.get(OBJECTS.App.keyJson(key));
    return entry?.known ? entry : undefined;
  }

  /** All Apps, sorted by key JSON. */
  apps(): readonly AppEntry[] {
    return [...this.#apps]
      .filter(([, { known }]) => known)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, entry]) => entry);
  }

  /** Adds an App, or changes its attributes and keeps its instances. `keyJson` is its key's, for who has it. */
  putApp(app: App, keyJson: string = OBJECTS.App.keyJsonOf(app)): void {
    const entry = this.#entry(keyJson, OBJECTS.App.key(app));
    if (!entry.known) this.#known += 1;
    entry.known = true;
    entry.authPublicKey = app.authPublicKey;
    entry.androidPackageName = app.androidPackageName;
    entry.permitsPlatformApps = app.permitsPlatformApps;
  }

  /** Drops an App and its instances. */
  deleteApp(keyJson: string): void {
    const entry = this.#apps.get(keyJson);
    if (!entry) return;
    for (const offer of entry.offers.values())
      for (const instance of offer) {
        this.#instances.delete(instance.name);
        this.#sites.release(instance.site);
      }
    if (entry.known) this.#known -= 1;
    this.#apps.delete(keyJson);
  }

  /** Adds an instance or replaces it. `name` is its key JSON, and `wire` its encoded form, for who has them. */
  putInst(
    inst: AppInst,
    name: string = OBJECTS.AppInst.keyJsonOf(inst),
    wire: Uint8Array = OBJECTS.AppInst.toWire(inst),
  ): void {
    this.deleteInst(name);
    const appKey = OBJECTS.AppInst.key(inst).appKey ?? OBJECTS.App.key(OBJECTS.App.empty());
    const app = OBJECTS.App.keyJson(appKey);
    const entry = this.#entry(app, appKey);
    const instance = new StoredInstance(name, this.#sites.take(inst), inst.state, app, wire);
    this.#instances.set(name, instance);
    entry.add(instance);
  }

  /** Drops an instance, by its key JSON. */
  deleteInst(name: string): void {
    const instance = this.#instances.get(name);
    if (!instance) return;
    this.#instances.delete(name);
    this.#sites.release(instance.site);
    const entry = this.#apps.get(instance.app);
    entry?.remove(instance);
    if (entry?.offers.size === 0 && !entry.known) this.#apps.delete(instance.app);
  }

  /** Key JSON of every App. */
  *appKeys(): IterableIterator<string> {
    for (const [keyJson, { known }] of this.#apps) if (known) yield keyJson;
  }

  /** Key JSON of every AppInst. */
  instanceKeys(): IterableIterator<string> {
    return this.#instances.keys();
  }

  #entry(keyJson: string, key: AppKey): Entry {
    let entry = this.#apps.get(keyJson);
    if (!entry) {
      entry = new Entry(key);
      this.#apps.set(keyJson, entry);
    }
    return entry;
  }
}

function carrierOf({ site }: StoredInstance): string {
  return site.cloudletKey.operatorKey?.name ?? '';
}
