import { join } from 'node:path';
import type { Door, DoorContext, DoorName } from './door.js';
import { OpenedDoor } from './opened-door.js';
import type { DoorSettings } from './settings.js';

/** Makes a door that is not started yet. */
export type MakeDoor = (name: DoorName, context: DoorContext) => Door;

/**
 * Opens the doors of an agent, each below a folder of its own in `context.stateDir`; when one cannot be opened, those that were
 * are closed.
 * @returns what closes them, and their addresses: `virtrigaud`, `flintlock 2021`, `flintlock http`...
 * @throws DOOR_FILE, DOOR_UNIDENTIFIED, DOOR_PLAIN_TOKEN, LISTEN_FAILED, or what the door throws
 */
export async function openDoors(
  settings: readonly DoorSettings[],
  context: DoorContext,
  make: MakeDoor,
  signal: AbortSignal,
): Promise<OpenedDoors> {
  const doors = settings.map((one) => {
    const logger = context.logger.child({ door: one.name });
    const own = { ...context, logger, stateDir: join(context.stateDir, one.name) };
    return new OpenedDoor(make(one.name, own), one, own);
  });
  const opened = new OpenedDoors(doors);
  // All at once: what one has to take up again must not keep the others waiting.
  const outcomes = await Promise.allSettled(doors.map((door) => door.open(signal)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failed) return opened;
  await opened.stop('keep');
  throw failed.reason;
}

/** The doors of an agent. */
export class OpenedDoors {
  readonly #doors: readonly OpenedDoor[];

  constructor(doors: readonly OpenedDoor[]) {
    this.#doors = doors;
  }

  /** Of all listeners, with the actual ports. */
  get addresses(): Readonly<Record<string, string>> {
    return Object.assign({}, ...this.#doors.map((door) => door.addresses));
  }

  /** Closes all. Safe to repeat. @throws the first failure, after all were tried */
  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const outcomes = await Promise.allSettled(this.#doors.map((door) => door.stop(workloads)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }
}
