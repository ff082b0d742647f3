import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRandom } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { systemDisk } from '../disk.js';
import { testCloudletKey } from '../testing.js';
import type { Door, DoorContext } from './door.js';
import { OpenedDoor } from './opened-door.js';
import type { AccessSettings, DoorSettings } from './settings.js';

/** Doors for this package's tests, each on free ports of loopback. */

/** A context with a folder of its own unless one is given; `remove` takes it away. */
export function testDoorContext(over: Partial<DoorContext> = {}): DoorContext & { remove(): void } {
  const stateDir = over.stateDir ?? mkdtempSync(join(tmpdir(), 'door-'));
  return {
    stateDir,
    cloudletKeyJson: OBJECTS.Cloudlet.keyJson(testCloudletKey),
    disk: systemDisk,
    imageDir: '',
    registryAuth: '',
    publicAddr: '127.0.0.1',
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
    ...over,
    remove: () => rmSync(stateDir, { recursive: true, force: true }),
  };
}

/** Nothing but a listener that asks nobody who he is. */
export const OPEN_ACCESS: AccessSettings = {
  ...{ cert: '', key: '', clientCa: '', allowedNames: [], tokenFile: '', tlsDir: '', insecure: true },
};

/** Opens a door as the agent does; by default to everybody, without a dialect. The addresses are those of `OpenedDoor`. */
export async function openTestDoor(
  door: Door,
  context: DoorContext,
  over: Partial<DoorSettings> = {},
): Promise<OpenedDoor> {
  const settings: DoorSettings = {
    name: door.name,
    listeners: [{ address: '127.0.0.1:0' }],
    ...{ httpAddr: '', healthAddr: '', access: OPEN_ACCESS },
    ...over,
  };
  const opened = new OpenedDoor(door, settings, context);
  try {
    await opened.open(new AbortController().signal);
  } catch (error) {
    await opened.stop('keep');
    throw error;
  }
  return opened;
}
