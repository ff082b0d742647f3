import { fail, isKind, messageOf } from '@edgeplane/base';
import { agentErrors } from '../../errors.js';
import type { Admission } from '../../site/admission.js';
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
