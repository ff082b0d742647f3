import type { History } from './history.js';
import type { Report } from './report.js';

/** What the user knows of an object by the answers that came. */
export type Known = 'present' | 'absent' | 'unknown';

interface Entry {
  known: Known;
  /** An operation on it is under way. */
  busy: boolean;
  /** Annotations that it must have; undefined when that is not known. */
  annotations: string | undefined;
}

/**
 * What must be in the store, by the answers that users got. Each object has one user, who does one thing at a time with it,
 * so that the answers tell. Every write is judged when it is made.
 */
export class Model {
  readonly #entries = new Map<string, Entry>();
  readonly #report: Report;

  constructor(history: History, report: Report) {
    this.#report = report;
    history.onWrite((key, value, revision) => this.#judge(key, value, revision));
  }

  known(key: string): Known {
    return this.#entries.get(key)?.known ?? 'absent';
  }

  begin(key: string): void {
    const entry = this.#entry(key);
    entry.busy = true;
  }

  end(key: string, known: Known, annotations?: string): void {
    const entry = this.#entry(key);
    entry.busy = false;
    entry.known = known;
    entry.annotations = annotations;
  }

  annotations(key: string): string | undefined {
    return this.#entries.get(key)?.annotations;
  }

  /** Compares with what the store holds at the end. */
  check(stored: ReadonlyMap<string, string>): string[] {
    const faults: string[] = [];
    for (const [key, { known, annotations }] of this.#entries) {
      const value = stored.get(key);
      if (known === 'present' && value === undefined) faults.push(`lost: ${key}`);
      if (known === 'absent' && value !== undefined) faults.push(`deleted, but there: ${key}`);
      if (annotations === undefined || value === undefined) continue;
      const found = (JSON.parse(value) as { annotations?: string }).annotations ?? '';
      if (found !== annotations) faults.push(`${key} has annotations ${found}, not ${annotations}`);
    }
    return faults;
  }

  #entry(key: string): Entry {
    const entry = this.#entries.get(key) ?? { known: 'absent', busy: false, annotations: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  #judge(key: string, value: string | undefined, revision: number): void {
    const entry = this.#entries.get(key);
    if (!entry || entry.busy) return;
    if (entry.known === 'present' && value === undefined)
      this.#report.fault(`lost at revision ${revision}, though its create was acknowledged: ${key}`);
    if (entry.known === 'absent' && value !== undefined)
      this.#report.fault(`back at revision ${revision}, though its delete was acknowledged: ${key}`);
  }
}
