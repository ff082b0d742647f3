import { copyFile, stat, truncate } from 'node:fs/promises';
import { readTextFile, removeFile, renameFile, writeFileAtomic } from '@edgeplane/base';
import { portsOf } from '../process/index.js';
import type { NginxLayout } from './layout.js';
import { type MasterOptions, NginxMaster } from './master.js';
import { listenerText } from './public-service.js';

/** Logs longer than this are begun anew, and one former part is kept, bytes. */
const LOG_LIMIT = 1 << 20;
/** How long connections may go on when nginx ends, milliseconds. */
const STOP_GRACE_MS = 2000;

/** One nginx together with its configuration file: both are changed, or neither. */
export class Serving {
  readonly #layout: NginxLayout;
  readonly #master: NginxMaster;
  /** Whether what runs is known to have the configuration of the file: a crash comes between the two. */
  #sure = false;

  constructor(options: MasterOptions) {
    this.#layout = options.layout;
    this.#master = new NginxMaster(options);
  }

  get pid(): number | undefined {
    return this.#master.pid;
  }

  isAlive(): Promise<boolean> {
    return this.#master.isAlive();
  }

  /** Ports that it listens on, by their text; what a master left that was killed gives its ports up. */
  async ports(): Promise<ReadonlySet<string>> {
    const { pid } = this.#master;
    if (pid === undefined || !(await this.#master.isAlive())) {
      await this.#master.endOrphans();
      return new Set();
    }
    return new Set((await portsOf(pid)).map(listenerText));
  }

  /** Takes over the nginx that another run left; false when there is none. */
  adopt(): Promise<boolean> {
    return this.#master.adopt();
  }

  /**
   * Brings a configuration into force, for which nginx starts, reloads or, without one, ends. When it does not come
   * into force the former one stays, in the file too. @throws CONFIG_REFUSED, NOT_STARTED, NOT_RELOADED
   */
  async serve(config: string | undefined): Promise<void> {
    const { config: path, candidate } = this.#layout;
    if (config === undefined) {
      await this.#master.stop(STOP_GRACE_MS);
      await removeFile(path);
      return;
    }
    const former = await readTextFile(path);
    const alive = await this.#master.isAlive();
    if (alive && this.#sure && former === config) return;
    await this.#trimLogs();
    await writeFileAtomic(candidate, config);
    try {
      await this.#master.check(candidate);
    } catch (error) {
      await removeFile(candidate);
      throw error;
    }
    await renameFile(candidate, path);
    try {
      await (alive ? this.#master.reload() : this.#master.start());
      this.#sure = true;
    } catch (error) {
      await (former === undefined ? removeFile(path) : writeFileAtomic(path, former));
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#master.stop(STOP_GRACE_MS);
  }

  /** Emptied in place: nginx's workers may not open files here and write on to what they have. */
  async #trimLogs(): Promise<void> {
    for (const path of [this.#layout.log, this.#layout.trafficLog]) {
      const size = await stat(path).then(
        (found) => found.size,
        () => 0,
      );
      if (size < LOG_LIMIT) continue;
      await copyFile(path, `${path}.1`);
      await truncate(path);
    }
  }
}
