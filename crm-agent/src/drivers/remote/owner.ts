import { join } from 'node:path';
import { type Random, randomId } from '@edgeplane/base';
import type { Disk } from '../../disk.js';
import { shortHash } from '../../host-names.js';
import { type KeyedRecord, RecordStore } from '../../records.js';

interface OwnerRecord extends KeyedRecord {
  readonly id: string;
}

/**
 * What begins the names of all that a driver makes on infrastructure that it shares with others: `ep-` and a hash of the
 * cloudlet and of a number drawn when the state directory was new. An agent that has lost its state directory, or stands
 * beside another one of the same cloudlet, does not take what that one made for its own.
 */
export async function ownerPrefix(
  stateDir: string,
  cloudletKeyJson: string,
  { disk, random }: { readonly disk: Disk | undefined; readonly random: Random },
): Promise<string> {
  const store = new RecordStore<OwnerRecord>(join(stateDir, 'owner'), disk);
  await store.load((json) => {
    const { keyJson, id } = (json ?? {}) as Record<string, unknown>;
    if (typeof keyJson !== 'string' || typeof id !== 'string') throw new Error('not a record of an owner');
    return { keyJson, id };
  });
  const record = store.get(cloudletKeyJson) ?? { keyJson: cloudletKeyJson, id: randomId(random) };
  await store.put(record);
  return `ep-${shortHash(`${cloudletKeyJson} ${record.id}`)}-`;
}
