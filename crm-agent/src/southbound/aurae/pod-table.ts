import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import type { Disk } from '../../disk.js';
import { RecordStore } from '../../records.js';
import { isOwnPodName, ownPodName, type PodCaller } from './caller.js';
import { auraeErrors } from './errors.js';
import { type PodRecord, podKey, toPodRecord } from './pod-record.js';

/** Tells of a pod that may look different now. */
export type PodListener = (keyJson: string) => void;

/** The pods of this host. Whoever changes a record does so within an operation of the pod. */
export class PodTable {
  readonly #records: RecordStore<PodRecord>;
  readonly #listeners = new Set<PodListener>();

  constructor(dir: string, disk: Disk) {
    this.#records = new RecordStore(join(dir, 'pods'), disk);
  }

  /** @throws RECORD_BROKEN naming the path or the member */
  load(): Promise<void> {
    return this.#records.load(toPodRecord);
  }

  get(keyJson: string): PodRecord | undefined {
    return this.#records.get(keyJson);
  }

  values(): readonly PodRecord[] {
    return this.#records.values();
  }

  async put(record: PodRecord): Promise<PodRecord> {
    await this.#records.put(record);
    this.changed(record.keyJson);
    return record;
  }

  async delete(keyJson: string): Promise<void> {
    await this.#records.delete(keyJson);
    this.changed(keyJson);
  }

  /** Tells listeners of what is not in the record. */
  changed(keyJson: string): void {
    for (const tell of [...this.#listeners]) tell(keyJson);
  }

  listen(listener: PodListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Pods that a caller sees, by name. */
  visible(caller: PodCaller): readonly PodRecord[] {
    return this.values()
      .filter((pod) => pod.tenant === caller.tenant && (pod.ownerOf === '' || pod.ownerOf === caller.key))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Key of the pod that a caller means; its own when it names none.
   * @throws NO_POD for the own pod of another caller
   */
  keyFor(
    caller: PodCaller,
    name: string,
  ): { readonly keyJson: string; readonly name: string; readonly own: boolean } {
    const ownName = ownPodName(caller);
    const actual = name === '' ? ownName : name;
    if (isOwnPodName(actual) && actual !== ownName) throw fail(auraeErrors.NO_POD, { name: actual });
    return { keyJson: podKey(caller.tenant, actual), name: actual, own: actual === ownName };
  }
}
