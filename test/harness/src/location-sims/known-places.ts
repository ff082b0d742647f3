import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { Place } from '@edgeplane/dme';
import { parse, stringify } from 'yaml';

/** Places by IP address in a YAML file, which people may edit while it is in use. */
export class KnownPlaces {
  readonly #path: string;
  #places: Record<string, Place> = {};
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  all(): Readonly<Record<string, Place>> {
    this.#read();
    return this.#places;
  }

  get(ip: string): Place | undefined {
    return this.all()[ip];
  }

  put(ip: string, { latitude, longitude }: Place): void {
    this.#read();
    this.#places = { ...this.#places, [ip]: { latitude, longitude } };
    const draft = `${this.#path}.${process.pid}`;
    writeFileSync(draft, stringify(this.#places));
    renameSync(draft, this.#path);
    this.#readAt = statSync(this.#path).mtimeMs;
  }

  #read(): void {
    let changedAt: number;
    try {
      changedAt = statSync(this.#path).mtimeMs;
    } catch {
      return; // not made yet
    }
    if (changedAt <= this.#readAt) return;
    this.#places = (parse(readFileSync(this.#path, 'utf8')) as Record<string, Place> | null) ?? {};
    this.#readAt = changedAt;
  }
}
