import { fail } from '@edgeplane/base';
import type { Database, RootDatabase } from 'lmdb';
import type { Change, ChangeLog } from './change-feed.js';
import { storeErrors } from './errors.js';
import { prefixEnd } from './keys.js';
import type { Entry, Op, TxnRequest, TxnResult, WatchEvent } from './store.js';

/** How one key is kept. */
interface Row {
  readonly revision: number;
  /** Present while the key hangs on a lease. */
  readonly lease?: string;
  readonly value: string;
}

type LoggedEvent = readonly [key: string, value: string] | readonly [key: string];

type Binary = Database<Buffer, Buffer>;

/** What only a row with a lease has. */
const LEASE = Buffer.from(',"lease":');
const REVISION = Buffer.from('revision');
const COMPACTED = Buffer.from('compacted');
const FORMAT = Buffer.from('format');
const FORMAT_VALUE = 'edgeplane-store-1';

/**
 * The tables of an lmdb store: `data` key -> row, `log` revision -> events, `meta`. Reads see the last flushed commit;
 * writes must be called inside a write transaction, which makes them one unit.
 */
export class LmdbData implements ChangeLog {
  readonly #name: string;
  readonly #data: Binary;
  readonly #log: Binary;
  readonly #meta: Binary;

  /** Opens or creates the tables. `name` is for messages. @throws EdgeplaneError STORE_CORRUPT for another's file. */
  constructor(root: RootDatabase, name: string) {
    this.#name = name;
    const table = (table: string): Binary =>
      root.openDB<Buffer, Buffer>({ name: table, keyEncoding: 'binary', encoding: 'binary' });
    this.#data = table('data');
    this.#log = table('log');
    this.#meta = table('meta');
    const format = this.#meta.get(FORMAT)?.toString();
    if (format === FORMAT_VALUE) return;
    if (format !== undefined || this.#data.getKeysCount({ limit: 1 }) > 0) {
      throw this.#corrupt(`its format is "${format ?? 'not given'}", not "${FORMAT_VALUE}"`);
    }
    root.transactionSync(() => {
      this.#meta.putSync(FORMAT, Buffer.from(FORMAT_VALUE));
      this.#putNumber(REVISION, 1);
      this.#putNumber(COMPACTED, 1);
    });
  }

  revision(): number {
    return this.#number(REVISION);
  }

  compacted(): number {
    return this.#number(COMPACTED);
  }

  read(after: number, limit: number): readonly Change[] {
    const range = this.#log.getRange({ start: revisionKey(after + 1), limit });
    return [...range].map(({ key, value }) => {
      const revision = Number(key.readBigUInt64BE());
      const events = this.#parse<LoggedEvent[]>(value, `revision ${revision}`);
      return { revision, events: events.map((event) => toEvent(event, revision)) };
    });
  }

  get(key: string): Entry | undefined {
    const row = this.#row(Buffer.from(key));
    return row && { key, value: row.value, revision: row.revision };
  }

  list(prefix: string): Entry[] {
    const start = Buffer.from(prefix);
    const end = prefixEnd(start);
    const range = this.#data.getRange({ ...(start.length > 0 && { start }), ...(end && { end }) });
    return [...range].map(({ key, value }) => {
      const row = this.#parse<Row>(value, `key ${key}`);
      return { key: key.toString(), value: row.value, revision: row.revision };
    });
  }

  /** Applies a request; keeps `keep` revisions of history. Only inside a write transaction. */
  write(request: TxnRequest, keep: number): TxnResult {
    const now = this.revision();
    for (const { key, revision } of request.compare ?? []) {
      if ((this.get(key)?.revision ?? 0) !== revision) return { succeeded: false, revision: now };
    }
    const logged = request.ops.map((op) => this.#apply(op, now + 1)).filter((event) => event !== undefined);
    if (logged.length === 0) return { succeeded: true, revision: now };
    this.#log.putSync(revisionKey(now + 1), Buffer.from(JSON.stringify(logged)));
    this.#putNumber(REVISION, now + 1);
    this.#trim(now + 1 - keep);
    return { succeeded: true, revision: now + 1 };
  }

  /** The keys that hang on this lease, or on any. */
  leasedKeys(lease?: string): string[] {
    const keys: string[] = [];
    for (const { key, value } of this.#data.getRange({})) {
      // Few rows have a lease, and quotes in the value of one are escaped: such bytes are the row's own.
      if (!value.includes(LEASE)) continue;
      const row = this.#parse<Row>(value, `key ${key}`);
      if (row.lease !== undefined && (lease === undefined || row.lease === lease)) keys.push(key.toString());
    }
    return keys;
  }

  #apply(op: Op, revision: number): LoggedEvent | undefined {
    const key = Buffer.from(op.key);
    if (op.type === 'delete') {
      if (!this.#data.doesExist(key)) return undefined;
      this.#data.removeSync(key);
      return [op.key];
    }
    const row: Row = { revision, value: op.value, ...(op.lease && { lease: op.lease.id }) };
    this.#data.putSync(key, Buffer.from(JSON.stringify(row)));
    return [op.key, op.value];
  }

  #trim(compacted: number): void {
    const from = this.compacted();
    if (compacted <= from) return;
    for (let revision = from + 1; revision <= compacted; revision++) {
      this.#log.removeSync(revisionKey(revision));
    }
    this.#putNumber(COMPACTED, compacted);
  }

  #row(key: Buffer): Row | undefined {
    const bytes = this.#data.get(key);
    return bytes && this.#parse<Row>(bytes, `key ${key}`);
  }

  #number(key: Buffer): number {
    const value = Number(this.#meta.get(key)?.toString());
    if (!Number.isSafeInteger(value)) throw this.#corrupt(`its ${key} is missing`);
    return value;
  }

  #putNumber(key: Buffer, value: number): void {
    this.#meta.putSync(key, Buffer.from(String(value)));
  }

  #parse<T>(bytes: Buffer, where: string): T {
    try {
      return JSON.parse(bytes.toString()) as T;
    } catch (error) {
      throw this.#corrupt(`the content of ${where} is damaged`, error);
    }
  }

  #corrupt(reason: string, cause?: unknown) {
    return fail(storeErrors.STORE_CORRUPT, { store: this.#name, reason }, { cause });
  }
}

function revisionKey(revision: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(revision));
  return key;
}

function toEvent([key, value]: LoggedEvent, revision: number): WatchEvent {
  return value === undefined ? { type: 'delete', key } : { type: 'put', entry: { key, value, revision } };
}
