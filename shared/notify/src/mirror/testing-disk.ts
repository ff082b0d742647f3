import type { MirrorDisk } from './mirror-disk.js';

/** A disk in memory, whose process may be killed at any write. */
export class TestingDisk {
  readonly files = new Map<string, string>();
  /** Characters written since the start. */
  written = 0;
  /** Characters that are still written before all ends; an atomic write that does not fit does not happen. */
  left = Number.POSITIVE_INFINITY;
  /** What the next writes fail with, having written half of what they were to. */
  failures: Error[] = [];

  /** As one process has it. */
  mount(): MirrorDisk {
    return {
      read: async (path) => this.files.get(path),
      writeParts: async (path, parts) => {
        const text = [...parts].join('');
        const part = await this.#take(text);
        if (part === text) this.files.set(path, text);
        await this.#end(part, text);
      },
      append: async (path, text) => {
        const part = await this.#take(text);
        this.files.set(path, (this.files.get(path) ?? '') + part);
        await this.#end(part, text);
      },
      rename: async (from, to) => {
        const text = this.files.get(from);
        if (text === undefined) throw new Error(`${from} is not there`);
        this.files.set(to, text);
        this.files.delete(from);
      },
    };
  }

  async #take(text: string): Promise<string> {
    // As a disk does, it takes a while.
    await Promise.resolve();
    const length = this.failures.length > 0 ? Math.floor(text.length / 2) : text.length;
    const part = text.slice(0, Math.min(length, this.left));
    this.left -= part.length;
    this.written += part.length;
    return part;
  }

  async #end(part: string, text: string): Promise<void> {
    const failure = this.failures.shift();
    if (failure) throw failure;
    // The process is no more.
    if (part !== text) await new Promise(() => undefined);
  }
}
