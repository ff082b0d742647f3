import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import type { Door, DoorContext, DoorName } from './door.js';
import { doorErrors } from './errors.js';
import { OpenedDoor } from './opened-door.js';
import type { DoorSettings } from './settings.js';

/** Makes a door that is not started yet; undefined when there is none of that name. */
export type MakeDoor = (name: DoorName, context: DoorContext) => Door | undefined;

/**
 * Opens the doors of an agent one after the other, each below a folder of its own in `context.stateDir`; when one cannot be
 * opened, those that were are closed.
 * @returns what closes them, safe to repeat, and their addresses: `virtrigaud`, `flintlock 2021`, `flintlock http`...
 * @throws DOOR_ABSENT, DOOR_FILE, DOOR_UNIDENTIFIED, DOOR_PLAIN_TOKEN, LISTEN_FAILED, or what the door throws
 */
export async function openDoors(
  settings: readonly DoorSettings[],
  context: DoorContext,
  make: MakeDoor,
  signal: AbortSignal,
): Promise<OpenedDoors> {
  const opened = new OpenedDoors();
  try {
    for (const one of settings) {
      signal.throwIfAborted();
      const logger = context.logger.child({ door: one.name });
      const own = { ...context, logger, stateDir: join(context.stateDir, one.name) };
      const door = make(one.name, own);
      if (!door) throw fail(doorErrors.DOOR_ABSENT, { door: one.name });
      await opened.open(new OpenedDoor(door, one, own), signal);
    }
    return opened;
  } catch (error) {
    await opened.stop('keep');
    throw error;
  }
}

/** The doors of an agent. */
export class OpenedDoors {
  readonly addresses: Record<string, string> = {};
  readonly #doors: OpenedDoor[] = [];

  async open(door: OpenedDoor, signal: AbortSignal): Promise<void> {
    // Also when it comes to be open half way only.
    this.#doors.push(door);
    await door.open(signal);
    Object.assign(this.addresses, door.addresses);
  }

  /** Closes all at once. @throws the first failure, after all were tried */
  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const outcomes = await Promise.allSettled(this.#doors.map((door) => door.stop(workloads)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }
}
