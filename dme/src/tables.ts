import { OBJECTS } from '@edgeplane/objects';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { Place } from './geo.js';
import { type Instance, StoredInstance } from './instance.js';
import type { Carriers } from './matcher.js';
import type { Match } from './nearby.js';
import { Offer } from './offer.js';
import { Recent } from './recent.js';
import { type CloudletSite, Sites } from './sites.js';
import { isOffered, type OfferRule } from './usable.js';

/** Answers that are kept, of some 100 bytes each. */
const REPLIES = 20_000;

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
  /** The nearest instances on cloudlets of a carrier, nearest first, at most so many. */
  nearestFew(carrier: string, place: Place, count: number): Match<Instance>[];
  /** The same of instances that are not offered. */
  withheldFew(carrier: string, place: Place, count: number): Match<Instance>[];
  /** Instances on cloudlets of a carrier that are at no place on earth. */
  nowhere(carrier: string): Iterable<Instance>;
}

/** Hears of each change of an object, by its type and key JSON. */
export type ObjectListener = (type: 'App' | 'AppInst', keyJson: string) => void;

/** Hears of each change of what is offered of an App, by its key JSON, on cloudlets of a carrier. */
export type TableListener = (app: string, carrier: string) => void;

/** What is offered of one App. The App itself may not have come yet. */
class Entry implements AppEntry {
  readonly offers = new Map<string, Offer>();
  /** The App is there; before that, instances wait for it. */
  known = false;
  key: AppKey;
  /** The App as it came. */
  wire: Uint8Array = new Uint8Array();
  authPublicKey = '';
  androidPackageName = '';
  permitsPlatformApps = false;

  constructor(key: AppKey) {
    this.key = key;
  }

  nearest(carrier: string, place: Place): Match<Instance> | undefined {
    return this.offers.get(carrier)?.nearest(place);
  }

  nearestFew(carrier: string, place: Place, count: number): Match<Instance>[] {
    return this.offers.get(carrier)?.nearestFew(place, count) ?? [];
  }

  withheldFew(carrier: string, place: Place, count: number): Match<Instance>[] {
    return this.offers.get(carrier)?.withheldFew(place, count) ?? [];
  }

  nowhere(carrier: string): Iterable<Instance> {
    return this.offers.get(carrier)?.nowhere() ?? [];
  }

  candidates(carrier: string): Iterable<Instance> {
    return this.offers.get(carrier) ?? [];
  }

  carriers(): readonly string[] {
    return [...this.offers.keys()].filter((carrier) => this.hasCarrier(carrier)).sort();
  }

  hasCarrier(carrier: string): boolean {
    return (this.offers.get(carrier)?.size ?? 0) > 0;
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
    if (offer?.isEmpty) this.offers.delete(carrier);
  }
}

/**
 * Apps and their instances, by App key and carrier (match engine spec section 2.2). The rule says whether the state of an
 * AppInst matters; the reference does not look at it. An AppInst that comes before its App waits for it. Every change costs the same however large the table is.
 */
export class AppTable {
  readonly #apps = new Map<string, Entry>();
  readonly #instances = new Map<string, StoredInstance>();
  readonly #keyJsons = new WeakMap<AppKey, string>();
  /** Answers of instances that clients are often sent to. An instance never changes. */
  readonly #replies = new Recent<Instance, Buffer>(REPLIES / 2);
  readonly #sites = new Sites();
  readonly #rule: OfferRule;
  readonly #listeners = new Set<TableListener>();
  readonly #followers = new Set<ObjectListener>();
  #known = 0;

  constructor(rule: OfferRule = 'all') {
    this.#rule = rule;
  }

  /** Tells of every change, at once; the result ends that. */
  subscribe(listener: TableListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells of every object that is put or dropped, at once; the result ends that. */
  follow(listener: ObjectListener): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  /** Number of Apps. */
  get appCount(): number {
    return this.#known;
  }

  /** Number of AppInsts, with those that wait. */
  get instanceCount(): number {
    return this.#instances.size;
  }

  /** The key must not be altered afterwards. */
  app(key: AppKey): AppEntry | undefined {
    // Sessions that are known come with the same key again and again.
    let keyJson = this.#keyJsons.get(key);
    if (keyJson === undefined) {
      keyJson = OBJECTS.App.keyJson(key);
      this.#keyJsons.set(key, keyJson);
    }
    const entry = this.#apps.get(keyJson);
    return entry?.known ? entry : undefined;
  }

  /** Where the cloudlet is, if an instance of the App is offered on it. */
  siteOf(app: AppKey, cloudlet: CloudletKey): CloudletSite | undefined {
    const offer = this.#apps.get(OBJECTS.App.keyJson(app))?.offers.get(cloudlet.operatorKey?.name ?? '');
    return offer && this.#sites.of(cloudlet).find((site) => offer.isAt(site));
  }

  /** Whether clients may be sent to the instance of this name. */
  isOffered(name: string): boolean {
    return this.#instances.get(name)?.isOffered ?? false;
  }

  /** The whole answer of FindCloudlet about an instance, encoded. */
  encodedReply(instance: Instance): Buffer {
    let reply = this.#replies.get(instance);
    if (!reply) {
      reply = instance.encodedReply();
      this.#replies.set(instance, reply);
    }
    return reply;
  }

  /** All Apps, sorted by key JSON. */
  apps(): readonly AppEntry[] {
    return [...this.#apps]
      .filter(([, { known }]) => known)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, entry]) => entry);
  }

  /**
   * Adds an App, or changes its attributes and keeps its instances. `keyJson` is its key's, and `wire` its encoded form, for
   * who has them.
   */
  putApp(
    app: App,
    keyJson: string = OBJECTS.App.keyJsonOf(app),
    wire: Uint8Array = OBJECTS.App.toWire(app),
  ): void {
    const entry = this.#entry(keyJson, OBJECTS.App.key(app));
    const isNew = !entry.known;
    if (isNew) this.#known += 1;
    entry.known = true;
    // A copy: it may be a part of something long.
    entry.wire = Uint8Array.from(wire);
    entry.authPublicKey = app.authPublicKey;
    entry.androidPackageName = app.androidPackageName;
    entry.permitsPlatformApps = app.permitsPlatformApps;
    if (isNew) for (const carrier of entry.offers.keys()) this.#tell(keyJson, carrier);
    this.#told('App', keyJson);
  }

  /** Drops an App and its instances. */
  deleteApp(keyJson: string): void {
    const entry = this.#apps.get(keyJson);
    if (!entry) return;
    for (const offer of entry.offers.values())
      for (const instance of [...offer, ...offer.withheld()]) {
        this.#instances.delete(instance.name);
        this.#sites.release(instance.site);
        this.#told('AppInst', instance.name);
      }
    if (entry.known) this.#known -= 1;
    this.#apps.delete(keyJson);
    for (const carrier of entry.offers.keys()) this.#tell(keyJson, carrier);
    this.#told('App', keyJson);
  }

  /** Adds an instance or replaces it. `name` is its key JSON, and `wire` its encoded form, for who has them. */
  putInst(
    inst: AppInst,
    name: string = OBJECTS.AppInst.keyJsonOf(inst),
    wire: Uint8Array = OBJECTS.AppInst.toWire(inst),
  ): void {
    this.#remove(name);
    const appKey = OBJECTS.AppInst.key(inst).appKey ?? OBJECTS.App.key(OBJECTS.App.empty());
    const app = OBJECTS.App.keyJson(appKey);
    const entry = this.#entry(app, appKey);
    const offered = { state: inst.state, isOffered: isOffered(this.#rule, inst.state) };
    const instance = new StoredInstance(name, this.#sites.take(inst), app, offered, wire);
    this.#instances.set(name, instance);
    entry.add(instance);
    this.#tell(app, carrierOf(instance));
    this.#told('AppInst', name);
  }

  /** Drops an instance, by its key JSON. */
  deleteInst(name: string): void {
    const instance = this.#remove(name);
    if (!instance) return;
    this.#tell(instance.app, carrierOf(instance));
    this.#told('AppInst', name);
  }

  #remove(name: string): StoredInstance | undefined {
    const instance = this.#instances.get(name);
    if (!instance) return undefined;
    this.#instances.delete(name);
    this.#sites.release(instance.site);
    const entry = this.#apps.get(instance.app);
    entry?.remove(instance);
    if (entry?.offers.size === 0 && !entry.known) this.#apps.delete(instance.app);
    return instance;
  }

  #told(type: 'App' | 'AppInst', keyJson: string): void {
    for (const listener of this.#followers) listener(type, keyJson);
  }

  #tell(app: string, carrier: string): void {
    for (const listener of this.#listeners) listener(app, carrier);
  }

  /** Key JSON of every App. */
  *appKeys(): IterableIterator<string> {
    for (const [keyJson, { known }] of this.#apps) if (known) yield keyJson;
  }

  /** An App as it came; undefined when there is none. */
  appWire(keyJson: string): Uint8Array | undefined {
    const entry = this.#apps.get(keyJson);
    return entry?.known ? entry.wire : undefined;
  }

  /** By key JSON. */
  instance(keyJson: string): StoredInstance | undefined {
    return this.#instances.get(keyJson);
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
