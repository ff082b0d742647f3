import { OBJECTS } from '@edgeplane/objects';
import type { AppPort } from '@edgeplane/proto/dme/appcommon.js';
import type { Loc } from '@edgeplane/proto/dme/loc.js';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { type UnitVector, unitVector } from './geo.js';
import type { Candidate, Carriers } from './matcher.js';

/** An instance as clients are told of it. */
export interface Instance extends Candidate {
  /** Key JSON of the AppInst. */
  readonly name: string;
  readonly cloudletKey: CloudletKey;
  readonly uri: string;
  readonly location: Loc;
  readonly ports: readonly AppPort[];
  readonly at: UnitVector;
}

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
}

type InstanceMap = Map<string, Instance>;

class Entry implements AppEntry {
  readonly byCarrier = new Map<string, InstanceMap>();
  key: AppKey;
  authPublicKey = '';
  androidPackageName = '';
  permitsPlatformApps = false;

  constructor(key: AppKey) {
    this.key = key;
  }

  candidates(carrier: string): Iterable<Instance> {
    return this.byCarrier.get(carrier)?.values() ?? [];
  }

  carriers(): readonly string[] {
    return [...this.byCarrier.keys()].sort();
  }

  hasCarrier(carrier: string): boolean {
    return this.byCarrier.has(carrier);
  }
}

/**
 * Apps and their instances, by App key and carrier (match engine spec section 2.2). The state of an AppInst is not
 * looked at. An AppInst that comes before its App waits for it. Every change costs the same however large the table is.
 */
export class AppTable {
  readonly #apps = new Map<string, Entry>();
  /** AppInsts without an App: App key JSON to AppInst key JSON. */
  readonly #waiting = new Map<string, InstanceMap>();
  /** Where every AppInst is, by its key JSON. */
  readonly #whereIs = new Map<string, { readonly app: string; readonly carrier: string }>();

  /** Number of Apps. */
  get appCount(): number {
    return this.#apps.size;
  }

  /** Number of AppInsts, with those that wait. */
  get instanceCount(): number {
    return this.#whereIs.size;
  }

  app(key: AppKey): AppEntry | undefined {
    return this.#apps.get(OBJECTS.App.keyJson(key));
  }

  /** All Apps, sorted by key JSON. */
  apps(): readonly AppEntry[] {
    return [...this.#apps.entries()].sort(([a], [b]) => compare(a, b)).map(([, entry]) => entry);
  }

  /** Adds an App, or changes its attributes and keeps its instances. */
  putApp(app: App): void {
    const key = OBJECTS.App.key(app);
    const keyJson = OBJECTS.App.keyJson(key);
    let entry = this.#apps.get(keyJson);
    if (!entry) {
      entry = new Entry(key);
      this.#apps.set(keyJson, entry);
      for (const instance of this.#waiting.get(keyJson)?.values() ?? []) place(entry, instance);
      this.#waiting.delete(keyJson);
    }
    entry.authPublicKey = app.authPublicKey;
    entry.androidPackageName = app.androidPackageName;
    entry.permitsPlatformApps = app.permitsPlatformApps;
  }

  /** Drops an App and its instances. */
  deleteApp(keyJson: string): void {
    const entry = this.#apps.get(keyJson);
    const maps = [...(entry?.byCarrier.values() ?? []), this.#waiting.get(keyJson) ?? new Map()];
    for (const map of maps) for (const name of map.keys()) this.#whereIs.delete(name);
    this.#apps.delete(keyJson);
    this.#waiting.delete(keyJson);
  }

  /** Adds an instance or replaces it. */
  putInst(inst: AppInst): void {
    const name = OBJECTS.AppInst.keyJsonOf(inst);
    const instance = instanceOf(name, inst);
    const app = OBJECTS.App.keyJson(OBJECTS.AppInst.key(inst).appKey ?? OBJECTS.App.key(OBJECTS.App.empty()));
    this.#whereIs.set(name, { app, carrier: carrierOf(instance) });
    const entry = this.#apps.get(app);
    if (entry) {
      place(entry, instance);
      return;
    }
    const waiting = this.#waiting.get(app) ?? new Map<string, Instance>();
    this.#waiting.set(app, waiting.set(name, instance));
  }

  /** Drops an instance, by its key JSON. */
  deleteInst(name: string): void {
    const where = this.#whereIs.get(name);
    if (!where) return;
    this.#whereIs.delete(name);
    const { app, carrier } = where;
    const entry = this.#apps.get(app);
    if (entry) drop(entry.byCarrier, carrier, name);
    else drop(this.#waiting, app, name);
  }

  /** Drops every App that is not in `keep` (key JSON), with its instances. */
  pruneApps(keep: ReadonlySet<string>): void {
    for (const keyJson of [...this.#apps.keys()]) if (!keep.has(keyJson)) this.deleteApp(keyJson);
  }

  /** Drops every instance that is not in `keep` (key JSON). */
  pruneInsts(keep: ReadonlySet<string>): void {
    for (const name of [...this.#whereIs.keys()]) if (!keep.has(name)) this.deleteInst(name);
  }
}

function place(entry: Entry, instance: Instance): void {
  const carrier = carrierOf(instance);
  const map = entry.byCarrier.get(carrier) ?? new Map<string, Instance>();
  entry.byCarrier.set(carrier, map.set(instance.name, instance));
}

/** Drops one instance, and its map with the last. */
function drop(maps: Map<string, InstanceMap>, at: string, name: string): void {
  const map = maps.get(at);
  map?.delete(name);
  if (map?.size === 0) maps.delete(at);
}

function carrierOf(instance: Instance): string {
  return instance.cloudletKey.operatorKey?.name ?? '';
}

function instanceOf(name: string, inst: AppInst): Instance {
  const location = { ...EMPTY_LOC, ...inst.cloudletLoc };
  return {
    name,
    cloudletKey: inst.key?.clusterInstKey?.cloudletKey ?? { operatorKey: { name: '' }, name: '' },
    uri: inst.uri,
    location,
    ports: inst.mappedPorts.map((port) => ({ ...port })),
    at: unitVector(location),
  };
}

/** A position with nothing set. */
export const EMPTY_LOC: Loc = {
  latitude: 0,
  longitude: 0,
  horizontalAccuracy: 0,
  verticalAccuracy: 0,
  altitude: 0,
  course: 0,
  speed: 0,
  timestamp: undefined,
};

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
