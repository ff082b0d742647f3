import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { type Clock, messageOf, sleep } from '@edgeplane/base';
import type { QemuEngine } from '../../engines/qemu/index.js';

export interface HealthState {
  readonly ok: boolean;
  readonly message: string;
}

const LOOK_MS = 15_000;

/** Whether machines can be kept here, looked at now and then: it is asked before nearly every other call. */
export class HostHealth {
  readonly #engine: QemuEngine;
  readonly #stateDir: string;
  #state: HealthState = { ok: false, message: 'starting' };

  constructor(engine: QemuEngine, stateDir: string) {
    this.#engine = engine;
    this.#stateDir = stateDir;
  }

  get state(): HealthState {
    return this.#state;
  }

  async look(): Promise<void> {
    try {
      await access(this.#stateDir, constants.R_OK | constants.W_OK);
      const { available, reason } = await this.#engine.available();
      this.#state = { ok: available, message: reason };
    } catch (error) {
      this.#state = { ok: false, message: messageOf(error) };
    }
  }

  /** Until the signal ends it. */
  async follow(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(clock, LOOK_MS, signal).catch(() => undefined);
      if (!signal.aborted) await this.look();
    }
  }

  stopping(): void {
    this.#state = { ok: false, message: 'the agent is stopping' };
  }
}
