import { type Clock, fail, type Logger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { Store } from '@edgeplane/store';
import { objectKey } from '../db/store-keys.js';
import { controllerErrors } from '../errors.js';

/** A dead controller's entry is gone after 20 s, the time to live of its lease; the store may take a little longer. */
const PATIENCE_MS = 30_000;

export interface OtherControllersOptions {
  readonly store: Store;
  readonly region: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * The controllers that are registered in the store. They would go on writing data of the old version into what is being
 * upgraded, and cannot be told to stop.
 */
export class OtherControllers {
  readonly #options: OtherControllersOptions;
  #until: number | undefined;
  #none = false;

  constructor(options: OtherControllersOptions) {
    this.#options = options;
  }

  /**
   * Whether none is registered. Once true it stays so: no controller starts while data is being upgraded.
   * @throws EdgeplaneError UPGRADE_CONTROLLERS naming those that are still there after half a minute
   */
  async gone(): Promise<boolean> {
    if (this.#none) return true;
    const { store, region, logger, clock } = this.#options;
    const prefix = objectKey(region, 'Controller', '');
    const { entries } = await store.list(prefix);
    if (entries.length === 0) {
      this.#none = true;
      return true;
    }
    const addresses = entries.map(({ key }) => addressOf(key.slice(prefix.length))).join(', ');
    if (this.#until === undefined) {
      this.#until = clock.monotonic() + PATIENCE_MS;
      logger.warn({ controllers: addresses }, 'Waiting for other controllers to end before the upgrade');
    } else if (clock.monotonic() >= this.#until) {
      throw fail(controllerErrors.UPGRADE_CONTROLLERS, { addresses, seconds: PATIENCE_MS / 1000 });
    }
    return false;
  }
}

function addressOf(keyJson: string): string {
  try {
    return OBJECTS.Controller.parseKeyJson(keyJson).addr;
  } catch {
    return keyJson;
  }
}
