import { open, rm, stat } from 'node:fs/promises';
import { isDiskFull, type Logger, messageOf } from '@edgeplane/base';

/** Enough for the records that podman and we write while something is taken away. */
const BYTES = 4 * 1024 ** 2;

/** Room that is kept free for taking things away. */
export interface RoomToRemove {
  /** Runs work that may be repeated; if it finds no room it gets the reserve and runs once more. */
  spend<T>(work: () => Promise<T>): Promise<T>;
}

/** For those whose disk is never full. */
export const NO_RESERVE: RoomToRemove = { spend: (work) => work() };

/**
 * A file that takes room on the disk of a state folder, so that there is some to give: on a full disk nothing could be
 * removed, as what is under way has to be noted.
 */
export class Reserve implements RoomToRemove {
  readonly #path: string;
  readonly #logger: Logger;
  #spenders = 0;

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Sets the room aside, if there is that much. */
  async keep(): Promise<void> {
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    if (size === BYTES) return;
    try {
      const file = await open(this.#path, 'w', 0o600);
      try {
        await file.writeFile(Buffer.alloc(BYTES));
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(this.#path, { force: true });
      this.#logger.warn({ path: this.#path, reason: messageOf(error) }, 'No room can be set aside');
    }
  }

  async spend<T>(work: () => Promise<T>): Promise<T> {
    this.#spenders += 1;
    let spent = false;
    try {
      return await work().catch(async (error: unknown) => {
        if (!isDiskFull(error)) throw error;
        spent = true;
        this.#logger.warn({ reason: error.message }, 'The room set aside is used to take something away');
        await rm(this.#path, { force: true });
        return work();
      });
    } finally {
      this.#spenders -= 1;
      // Not while somebody else still needs it.
      if (spent && this.#spenders === 0) await this.keep();
    }
  }
}
