import { isDeepStrictEqual } from 'node:util';
import { fail, KeyedTurns } from '@edgeplane/base';
import type { Disk } from '../../disk.js';
import { RecordStore } from '../../records.js';
import { flintlockErrors } from './errors.js';
import type { Microvm, MicrovmStatus } from './model.js';

/** Form of the files; another one is not guessed at. */
const FORM = 1;

interface StoredMicrovm {
  readonly form: typeof FORM;
  readonly keyJson: string;
  readonly vm: Microvm;
}

/**
 * All microVMs: in memory for questions, in a file each for the next life. What a change has resolved is durable. Changes of
 * one microVM take turns; each raises its version, unless it changes nothing.
 */
export class MicrovmTable {
  readonly #store: RecordStore<StoredMicrovm>;
  readonly #vms = new Map<string, Microvm>();
  /** Uids by namespace and id, oldest first. */
  readonly #names = new Map<string, Set<string>>();
  readonly #turns = new KeyedTurns();

  constructor(dir: string, disk: Disk) {
    this.#store = new RecordStore(dir, disk);
  }

  /** @throws RECORD_BROKEN, BROKEN_RECORD: guessing would leak what a record names */
  async load(): Promise<void> {
    await this.#store.load(toStored);
    const byAge = this.#store.values().map(({ vm }) => vm);
    for (const vm of byAge.sort((a, b) => (a.uid < b.uid ? -1 : 1))) this.#remember(vm);
  }

  get(uid: string): Microvm | undefined {
    return this.#vms.get(uid);
  }

  /** Those of a name, oldest first. */
  named(namespace: string, id: string): readonly Microvm[] {
    return [...(this.#names.get(nameKey(namespace, id)) ?? [])].flatMap((uid) => this.#vms.get(uid) ?? []);
  }

  /** In the order in which they were made; empty texts mean any. */
  list(namespace = '', id = ''): readonly Microvm[] {
    if (namespace !== '' && id !== '') return this.named(namespace, id);
    const all = [...this.#vms.values()];
    return all.filter(
      ({ spec }) => (namespace === '' || spec.namespace === namespace) && (id === '' || spec.id === id),
    );
  }

  /** Adds a new one, whose name is taken at once, before it is durable. */
  async add(vm: Microvm): Promise<void> {
    this.#remember(vm);
    try {
      await this.#turns.run(vm.uid, () => this.#put(vm));
    } catch (error) {
      this.#forget(vm);
      throw error;
    }
  }

  /** Changes one by what `change` makes of it; undefined when there is none any more. */
  change(uid: string, change: (vm: Microvm) => Microvm): Promise<Microvm | undefined> {
    return this.#turns.run(uid, async () => {
      const before = this.#vms.get(uid);
      if (!before) return undefined;
      const after = change(before);
      if (isDeepStrictEqual(after, before)) return before;
      const next = { ...after, version: before.version + 1 };
      await this.#put(next);
      this.#vms.set(uid, next);
      return next;
    });
  }

  changeStatus(uid: string, change: (status: MicrovmStatus) => MicrovmStatus): Promise<Microvm | undefined> {
    return this.change(uid, (vm) => ({ ...vm, status: change(vm.status) }));
  }

  remove(uid: string): Promise<void> {
    return this.#turns.run(uid, async () => {
      const vm = this.#vms.get(uid);
      await this.#store.delete(uid);
      if (vm) this.#forget(vm);
    });
  }

  #put(vm: Microvm): Promise<void> {
    return this.#store.put({ form: FORM, keyJson: vm.uid, vm });
  }

  #remember(vm: Microvm): void {
    this.#vms.set(vm.uid, vm);
    const key = nameKey(vm.spec.namespace, vm.spec.id);
    const uids = this.#names.get(key) ?? new Set();
    this.#names.set(key, uids.add(vm.uid));
  }

  #forget({ uid, spec }: Microvm): void {
    this.#vms.delete(uid);
    const key = nameKey(spec.namespace, spec.id);
    const uids = this.#names.get(key);
    uids?.delete(uid);
    if (uids?.size === 0) this.#names.delete(key);
  }
}

const nameKey = (namespace: string, id: string): string => `${namespace}/${id}`;

function toStored(json: unknown): StoredMicrovm {
  const stored = json as StoredMicrovm;
  if (stored?.form === FORM && typeof stored.vm?.uid === 'string' && stored.vm.uid === stored.keyJson)
    return stored;
  throw fail(flintlockErrors.BROKEN_RECORD, { uid: String(stored?.keyJson) });
}
