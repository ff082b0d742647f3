import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { Place } from '../geo.js';
import { cellOf } from './cells.js';

/** The calls that are counted: the methods of MatchEngineApi that answer once. */
export const METHODS = [
  'RegisterClient',
  'FindCloudlet',
  'VerifyLocation',
  'GetLocation',
  'AddUserToGroup',
  'GetAppInstList',
  'GetFqdnList',
  'ReportLatency',
] as const;

export type Method = (typeof METHODS)[number];

/** Upper bounds of latencies, milliseconds; what takes longer has a place of its own at the end. */
export const LATENCY_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100] as const;

/** Apps that are told apart, those that there are not among them, and cells of one App. */
const MAX_APPS = 10_000;
const MAX_UNKNOWN = 100;
const MAX_CELLS = 2000;
/** Longest name that is counted under itself, UTF-16 units. */
const MAX_NAME = 200;

/** One method of one App, since the start. */
export class MethodCounts {
  reqs = 0;
  errs = 0;
  /** Sum of the latencies, milliseconds. */
  totalMs = 0;
  /** By {@link LATENCY_MS}, each call in one place. */
  readonly latencies = new Float64Array(LATENCY_MS.length + 1);

  add(ms: number, failed: boolean): void {
    this.reqs += 1;
    if (failed) this.errs += 1;
    this.totalMs += ms;
    let place = 0;
    while (place < LATENCY_MS.length && ms >= (LATENCY_MS[place] ?? 0)) place += 1;
    this.latencies[place] = (this.latencies[place] ?? 0) + 1;
  }
}

/** One App. */
export class AppCounts {
  readonly key: AppKey;
  readonly methods = new Map<Method, MethodCounts>();
  /** Times that an instance was looked for, by cell. */
  readonly cells = new Map<number, { times: number }>();
  /** The same in cells that are not told apart any more. */
  elsewhere = 0;

  constructor(key: AppKey) {
    this.key = key;
  }

  add(method: Method, ms: number, failed: boolean): void {
    let counts = this.methods.get(method);
    if (!counts) {
      counts = new MethodCounts();
      this.methods.set(method, counts);
    }
    counts.add(ms, failed);
  }

  lookedFrom(place: Place): void {
    const cell = cellOf(place);
    const known = this.cells.get(cell);
    if (known) known.times += 1;
    else if (this.cells.size < MAX_CELLS) this.cells.set(cell, { times: 1 });
    else this.elsewhere += 1;
  }
}

/**
 * What was asked and how long it took, since the start (match engine spec section 6). Counting is a few additions: an App
 * that was met before is found by its three names without making anything. Memory is bounded whatever clients ask for:
 * Apps beyond the bound are counted together, under the name {@link OTHER_APPS}.
 */
export class CallStats {
  readonly #byName = new Map<string, Map<string, Map<string, AppCounts>>>();
  readonly #apps: AppCounts[] = [];
  readonly #exists: (key: AppKey) => boolean;
  #unknown = 0;
  #other: AppCounts | undefined;

  /** `exists`: whether there is an App; asked once for each name. */
  constructor(exists: (key: AppKey) => boolean) {
    this.#exists = exists;
  }

  /** Every App that was asked for. */
  get apps(): readonly AppCounts[] {
    return this.#apps;
  }

  /** The counts of an App. */
  of(developer: string, name: string, version: string): AppCounts {
    return this.#byName.get(developer)?.get(name)?.get(version) ?? this.#add(developer, name, version);
  }

  #add(developer: string, name: string, version: string): AppCounts {
    const key = { developerKey: { name: developer }, name, version };
    const long = [developer, name, version].some((text) => text.length > MAX_NAME);
    const exists = this.#exists(key);
    if (long || this.#apps.length >= MAX_APPS || (!exists && this.#unknown >= MAX_UNKNOWN))
      return this.#others();
    if (!exists) this.#unknown += 1;
    const counts = new AppCounts(key);
    const names = this.#byName.get(developer) ?? new Map<string, Map<string, AppCounts>>();
    const versions = names.get(name) ?? new Map<string, AppCounts>();
    this.#byName.set(developer, names.set(name, versions.set(version, counts)));
    this.#apps.push(counts);
    return counts;
  }

  #others(): AppCounts {
    if (!this.#other) {
      this.#other = new AppCounts({ developerKey: { name: '' }, name: OTHER_APPS, version: '' });
      this.#apps.push(this.#other);
    }
    return this.#other;
  }
}

/** Name of the App that stands for all that are not told apart. */
export const OTHER_APPS = '_other';
