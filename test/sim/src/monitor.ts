import type { ObjectType } from '@edgeplane/objects';
import type { History } from './history.js';
import type { Report } from './report.js';

/**
 * Watches what one receiver is told, and reports when it goes back in time: every object that it is given must be one
 * that the store held, no older than the one before it.
 */
export class Monitor {
  readonly #name: string;
  readonly #history: History;
  readonly #report: Report;
  readonly #version: number;
  /** By store key: the earliest revision that what was seen last can be of. */
  readonly #seen = new Map<string, number>();

  /** `version` of the notify protocol by which it is told. */
  constructor(name: string, history: History, report: Report, version: number) {
    this.#name = name;
    this.#history = history;
    this.#report = report;
    this.#version = version;
  }

  /**
   * From here on it may be told by somebody who knows less, in version 1: that has no revisions to compare with those of
   * the session before it.
   */
  newSession(): void {
    if (this.#version === 1) this.#seen.clear();
  }

  saw<T, K>(type: ObjectType<T, K>, object: T): void {
    const key = `1/${type.name}/${type.keyJsonOf(object)}`;
    const text = type.toStored(object);
    const least = this.#seen.get(key) ?? 0;
    const versions = this.#history.versions(key);
    const fits = versions.find(({ revision, value }) => revision >= least && value === text);
    if (fits) {
      this.#seen.set(key, fits.revision);
      return;
    }
    const old = versions.find(({ value }) => value === text);
    const what = old ? `revision ${old.revision} after ${least}` : 'what the store never held';
    this.#report.fault(`${this.#name} was told ${what} of ${key}: ${text}`);
  }
}
