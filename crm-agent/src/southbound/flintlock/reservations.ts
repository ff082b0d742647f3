import { type Clock, fail, isKind, messageOf } from '@edgeplane/base';
import { agentErrors } from '../../errors.js';
import type { Admission, ReadRoom, Room } from '../../site/admission.js';
import { flintlockErrors } from './errors.js';
import type { Microvm } from './model.js';

/** Room of the host for microVMs that are recorded and do not run yet: nobody else would know of what they will take. */
export class Reservations {
  readonly #admission: Admission;
  readonly #held = new Map<string, () => void>();

  constructor(admission: Admission) {
    this.#admission = admission;
  }

  /** Takes room for a microVM until it is released. @throws NO_ROOM saying what there is too little of */
  async take({ uid, spec }: Microvm): Promise<void> {
    const diskMb = spec.volumes.reduce((sum, { sizeMib }) => sum + (sizeMib ?? 0), 0);
    const need = { flavor: `${spec.namespace}/${spec.id}`, memoryMb: spec.memoryMib, diskMb, imageMb: 0 };
    await new Promise<void>((resolve, reject) => {
      const hold = () => {
        resolve();
        return new Promise<void>((release) => this.#held.set(uid, release));
      };
      this.#admission.admit(need, hold).catch(reject);
    }).catch((error: unknown) => {
      if (!isKind(error, agentErrors.NO_ROOM)) throw error;
      const reason = messageOf(error).replace(/^flavor/, 'microvm');
      throw fail(flintlockErrors.NO_ROOM, { reason }, { cause: error });
    });
  }

  /** One that holds nothing is left alone. */
  release(uid: string): void {
    this.#held.get(uid)?.();
    this.#held.delete(uid);
  }
}

/** What is known of the host for this long, milliseconds, need not be read again: reading takes its turn behind every write. */
const KNOWN_MS = 100;

/**
 * Room that may be promised, the same reading for all who ask within a moment.
 * @param overcommit of memory, which guests take as they touch it
 */
export function promisedRoom(read: ReadRoom, overcommit: number, clock: Clock): ReadRoom {
  let last: { readonly at: number; readonly room: Promise<Room> } | undefined;
  const promised = async () => {
    const { memoryMb, diskMb } = await read();
    return { memoryMb: Math.floor(memoryMb * overcommit), diskMb };
  };
  return () => {
    const now = clock.monotonic();
    if (!last || now - last.at > KNOWN_MS) last = { at: now, room: promised() };
    return last.room;
  };
}
