import { isFinished, type OperationRecord } from './record.js';
import type { RecordFiles } from './record-files.js';

type Change = Partial<OperationRecord>;

/** One operation in memory: its record, who watches it, and its turns at the disk. */
export class Entry {
  readonly #files: RecordFiles;
  readonly #now: () => number;
  readonly #watchers = new Set<(error?: Error) => void>();
  #record: OperationRecord;
  #turn: Promise<unknown> = Promise.resolve();
  /** Ends the run that is under way. */
  abort: ((reason: Error) => void) | undefined;

  constructor(record: OperationRecord, files: RecordFiles, now: () => number) {
    this.#record = record;
    this.#files = files;
    this.#now = now;
  }

  get record(): OperationRecord {
    return this.#record;
  }

  /**
   * Writes a change and then shows it; one after the other. What cannot be written is not shown, and what is over does not
   * change any more.
   */
  write(change: Change | ((record: OperationRecord) => Change)): Promise<OperationRecord> {
    const turn = this.#turn.then(async () => {
      if (isFinished(this.#record)) return this.#record;
      const patch = typeof change === 'function' ? change(this.#record) : change;
      const stamped = { ...patch, updatedMs: this.#now() };
      await this.#files.write({ ...this.#record, ...stamped, seq: this.#record.seq + 1 });
      // Progress may have been told meanwhile.
      this.#set(stamped);
      return this.#record;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Shows a change without writing it. */
  show(change: Change): void {
    if (!isFinished(this.#record)) this.#set({ ...change, updatedMs: this.#now() });
  }

  #set(change: Change): void {
    this.#record = { ...this.#record, ...change, seq: this.#record.seq + 1 };
    for (const tell of [...this.#watchers]) tell();
  }

  /** Resolves as soon as the record is another than that with number `seen`. @throws what the signal or `end` say */
  changed(seen: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => settle(signal?.reason);
      const settle = (error?: unknown) => {
        this.#watchers.delete(settle);
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      if (this.#record.seq !== seen) return resolve();
      if (signal?.aborted) return reject(signal.reason);
      this.#watchers.add(settle);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Tells those who wait that nothing comes any more. */
  end(error: Error): void {
    for (const tell of [...this.#watchers]) tell(error);
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#turn;
  }
}
