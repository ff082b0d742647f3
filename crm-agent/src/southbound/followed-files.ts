import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { type Clock, type Logger, messageOf } from '@edgeplane/base';

const LOOK_EVERY_MS = 10_000;

export interface FollowedFilesOptions<T> {
  readonly paths: readonly string[];
  /** Makes of their contents, in the order of the paths, what is wanted; throws when they are not fit for it. */
  readonly parse: (contents: readonly Buffer[]) => T;
  /** What they are, in log lines. */
  readonly what: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * What some files hold, read again when they change. Files that are changed one after the other, or that are not fit, leave
 * what there was until they are; contents are never logged.
 */
export class FollowedFiles<T> {
  readonly #options: FollowedFilesOptions<T>;
  readonly #listeners: ((value: T) => void)[] = [];
  #value: T;
  #seen = '';
  #complained = '';
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  /** Reads at once. @throws what reading and `parse` throw */
  constructor(options: FollowedFilesOptions<T>) {
    this.#options = options;
    this.#value = options.parse(options.paths.map((path) => readFileSync(path)));
    this.#again();
  }

  get value(): T {
    return this.#value;
  }

  /** Calls with each value that comes after this one. */
  onChange(listener: (value: T) => void): void {
    this.#listeners.push(listener);
  }

  /** Looks now instead of in a few seconds; never rejects. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#looking;
  }

  #again(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, () => void this.look().then(() => this.#again()));
  }

  async #look(): Promise<void> {
    const { paths, parse, what, logger } = this.#options;
    let now = '';
    try {
      now = await signatureOf(paths);
      if (now === this.#seen) return;
      const first = this.#seen === '';
      const contents = await Promise.all(paths.map((path) => readFile(path)));
      const value = parse(contents);
      this.#seen = now;
      this.#value = value;
      for (const listener of this.#listeners) listener(value);
      if (!first) logger.info({ what, paths }, 'Files changed and were read again');
    } catch (error) {
      if (this.#complained === now) return;
      this.#complained = now;
      logger.warn(
        { what, paths, reason: messageOf(error) },
        'Changed files cannot be used; the old ones are',
      );
    }
  }
}

async function signatureOf(paths: readonly string[]): Promise<string> {
  const facts = await Promise.all(paths.map((path) => stat(path)));
  return facts.map(({ ino, size, mtimeMs, ctimeMs }) => `${ino}:${size}:${mtimeMs}:${ctimeMs}`).join();
}
