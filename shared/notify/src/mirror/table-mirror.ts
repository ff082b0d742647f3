import { join } from 'node:path';
import { Backoff, type Clock, type Logger, messageOf, type Random } from '@edgeplane/base';
import { currentVersionHash, type ObjectType } from '@edgeplane/objects';
import type { Cursor, HeldBefore } from '../v2/held.js';
import type { MirrorDisk } from './mirror-disk.js';
import {
  encodeBatch,
  encodeHeader,
  type LogCursor,
  type LogEntry,
  type LogOwner,
  type ReadLog,
  readLog,
} from './mirror-log.js';

/** One table of the set that is mirrored; which objects it has does not matter. An ObjectTable is one. */
export interface MirroredTable {
  readonly type: MirroredType;
  /** Key JSON of every object. */
  keys(): Iterable<string>;
  /** What is held under a key, which is never altered in place. */
  get(keyJson: string): unknown;
  /** It, as it came; default as its type encodes it. */
  encode?(held: never): Uint8Array;
  /** Calls back after each put or delete; returns the function that ends it. */
  subscribe(listener: (keyJson: string) => void): () => void;
}

type MirroredType = Pick<ObjectType<unknown, unknown>, 'name' | 'fullName' | 'fromWire' | 'toWire'>;

export interface TableMirrorOptions {
  /** Folder of its own. */
  readonly dir: string;
  readonly disk: MirrorDisk;
  /** Key JSON of the cloudlet: a log of another one is not read. */
  readonly cloudlet: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /**
   * Most objects of one line of the log, each of which is read back as a whole or not at all; default all that changed
   * together, so that what is read back is what there was at some moment.
   */
  readonly lineObjects?: number;
}

/** One object that is read back. */
export interface MirroredObject {
  readonly type: string;
  readonly keyJson: string;
  readonly object: unknown;
  readonly bytes: Uint8Array;
  /** The sender's; 0 when it is not known. */
  readonly revision: number;
}

/** What is read back. */
export interface Mirrored {
  readonly objects: readonly MirroredObject[];
  readonly cursors: readonly LogCursor[];
}

/** Where objects come from: what it knows of their revisions. */
export interface MirrorSource {
  /** By full name of the type. */
  heldOf(type: string): { readonly cursor: Cursor; revisionOf(keyJson: string): number };
}

/** Changes within this time are written together, milliseconds. */
const GROUP_MS = 200;
/** What a log may grow by before it is written anew, bytes, and as a multiple of what it was when it was new. */
const GROWTH_BYTES = 1024 ** 2;
const GROWTH = 2;
/** Objects in one line of a log that is written anew. */
const BATCH = 500;
const RETRY = { base: 1000, max: 60_000 };

/**
 * Keeps on disk what tables hold, so that the next run can begin with it. A log of batches: each is there as a whole or
 * not, so what is read back is what the tables held at some moment, not before the last `flush` that resolved. The log
 * is written anew when it has grown by more than it holds: a change costs what it is long, not what there is.
 *
 * Nothing about it stops who uses it: what cannot be read is set aside, and what cannot be written is tried again.
 */
export class TableMirror {
  readonly #options: TableMirrorOptions;
  readonly #path: string;
  readonly #owner: LogOwner;
  readonly #backoff: Backoff;
  readonly #unsubscribes: (() => void)[] = [];
  #source: MirrorSource | undefined;
  /** By name of the type. */
  #tables: ReadonlyMap<string, MirroredTable> = new Map();
  /** Changed and not written: type and key JSON, in the order of the first change. */
  #dirty = new Map<string, { readonly type: string; readonly keyJson: string }>();
  /** Bytes of the log when it was new, and since then. */
  #baseBytes = 0;
  #grownBytes = 0;
  /** The log is missing, or its end is not known to be whole: nothing can be added to it. */
  #anew = true;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: TableMirrorOptions) {
    this.#options = options;
    this.#path = join(options.dir, 'objects.log');
    this.#owner = { dataModel: currentVersionHash(), cloudlet: options.cloudlet };
    this.#backoff = new Backoff(RETRY, options.random);
  }

  /**
   * What an earlier run left of these tables' types; before `follow`. A log that is damaged, or of another cloudlet or data
   * model, is set aside beside the new one; what is whole of a damaged one is given.
   */
  async load(tables: Iterable<Pick<MirroredTable, 'type'>>): Promise<Mirrored> {
    const { disk, logger } = this.#options;
    const types = new Map(Array.from(tables, ({ type }) => [type.name, type] as const));
    let log: ReadLog;
    let bytes = 0;
    try {
      const text = await disk.read(this.#path);
      if (text === undefined) return { objects: [], cursors: [] };
      bytes = Buffer.byteLength(text);
      log = readLog(text, this.#owner);
    } catch (error) {
      log = { entries: [], cursors: [], torn: false, damage: messageOf(error) };
    }
    const objects: MirroredObject[] = [];
    let { damage } = log;
    for (const { type: name, keyJson, bytes: encoded, revision = 0 } of log.entries) {
      const type = types.get(name);
      try {
        if (!type || !encoded) throw new Error(`nothing here takes a ${name}`);
        objects.push({ type: name, keyJson, object: type.fromWire(encoded), bytes: encoded, revision });
      } catch (error) {
        damage ??= `${name} ${keyJson}: ${messageOf(error)}`;
      }
    }
    if (damage !== undefined) await this.#setAside(damage, objects.length);
    else if (log.torn)
      logger.info({ path: this.#path }, 'What was being remembered at the last end is left out');
    this.#anew = log.torn || damage !== undefined;
    this.#baseBytes = bytes;
    return { objects, cursors: log.cursors };
  }

  /** Mirrors these tables from here on, beginning with what `load` gave. One of each type; once. */
  follow(tables: Iterable<MirroredTable>, source?: MirrorSource): void {
    this.#source = source;
    this.#tables = new Map(Array.from(tables, (table) => [table.type.name, table] as const));
    for (const [type, table] of this.#tables)
      this.#unsubscribes.push(table.subscribe((keyJson) => this.#changed(type, keyJson)));
    if (this.#anew) this.#schedule(GROUP_MS);
  }

  /** Resolves when all that the tables hold now is durable. @throws what the disk does; it is tried again later */
  flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.then(
      () => this.#backoff.reset(),
      (error: unknown) => {
        this.#options.logger.error({ err: error, path: this.#path }, 'Cannot keep what the controller sent');
        if (!this.#stopped) this.#schedule(this.#backoff.next());
      },
    );
    return written;
  }

  /** Writes what is left and ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    // What went wrong is logged.
    await this.flush().catch(() => undefined);
  }

  #changed(type: string, keyJson: string): void {
    this.#dirty.set(`${type} ${keyJson}`, { type, keyJson });
    this.#schedule(GROUP_MS);
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer ??= this.#options.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.flush().catch(() => undefined);
    });
  }

  async #write(): Promise<void> {
    const dirty = this.#dirty;
    if (dirty.size === 0 && !this.#anew) return;
    this.#dirty = new Map();
    try {
      if (this.#anew) await this.#writeAnew();
      else await this.#append([...dirty.values()].map(({ type, keyJson }) => this.#entry(type, keyJson)));
    } catch (error) {
      // Part of a batch may be there: the log cannot be added to.
      this.#anew = true;
      this.#dirty = new Map([...dirty, ...this.#dirty]);
      throw error;
    }
  }

  async #append(entries: readonly LogEntry[]): Promise<void> {
    const { disk, lineObjects = Number.POSITIVE_INFINITY } = this.#options;
    for (const part of inParts(entries, lineObjects)) {
      const text = encodeBatch(part, this.#cursors());
      await disk.append(this.#path, text);
      this.#grownBytes += Buffer.byteLength(text);
    }
    this.#anew = this.#grownBytes > Math.max(GROWTH_BYTES, GROWTH * this.#baseBytes);
  }

  async #writeAnew(): Promise<void> {
    let bytes = 0;
    const counted = (text: string) => {
      bytes += Buffer.byteLength(text);
      return text;
    };
    // What is held now, although it is encoded later, part by part.
    const held = [...this.#tables.values()].flatMap((table) => Array.from(table.keys(), this.#hold(table)));
    const head = encodeHeader(this.#owner) + encodeBatch([], this.#cursors());
    const parts = function* () {
      yield counted(head);
      for (const part of inParts(held, BATCH)) yield counted(encodeBatch(part.map(entryOf), []));
    };
    await this.#options.disk.writeParts(this.#path, parts());
    this.#baseBytes = bytes;
    this.#grownBytes = 0;
    this.#anew = false;
  }

  #cursors(): LogCursor[] {
    return [...this.#tables].flatMap(([type, table]) => {
      const cursor = this.#source?.heldOf(table.type.fullName).cursor;
      return cursor?.revision ? [{ type, ...cursor }] : [];
    });
  }

  #entry(type: string, keyJson: string): LogEntry {
    const table = this.#tables.get(type);
    return table ? entryOf(this.#hold(table)(keyJson)) : { type, keyJson };
  }

  #hold(table: MirroredTable): (keyJson: string) => HeldEntry {
    const source = this.#source?.heldOf(table.type.fullName);
    return (keyJson) => ({ table, keyJson, held: table.get(keyJson), revision: source?.revisionOf(keyJson) });
  }

  async #setAside(reason: string, kept: number): Promise<void> {
    const { disk, logger } = this.#options;
    const aside = `${this.#path}.aside`;
    const line = { path: this.#path, aside, reason, kept };
    try {
      await disk.rename(this.#path, aside);
      logger.error(line, 'What the controller sent earlier cannot be read in full: the file is set aside');
    } catch (error) {
      logger.error({ ...line, err: error }, 'What the controller sent earlier cannot be read, nor set aside');
    }
  }
}

/** What a table has under a key; undefined when there is nothing. */
interface HeldEntry {
  readonly table: MirroredTable;
  readonly keyJson: string;
  readonly held: unknown;
  readonly revision: number | undefined;
}

function entryOf({ table, keyJson, held, revision }: HeldEntry): LogEntry {
  const type = table.type.name;
  if (held === undefined) return { type, keyJson };
  // It came from this very table.
  const bytes = table.encode ? table.encode(held as never) : table.type.toWire(held);
  return { type, keyJson, bytes, revision };
}

function* inParts<T>(all: readonly T[], most: number): IterableIterator<readonly T[]> {
  if (all.length <= most) yield all;
  else for (let at = 0; at < all.length; at += most) yield all.slice(at, at + most);
}

/** What a notify client has to know of what was read back. */
export function heldBefore(
  { objects, cursors }: Mirrored,
  tables: Iterable<Pick<MirroredTable, 'type'>>,
): HeldBefore[] {
  return Array.from(tables, ({ type: { name, fullName } }) => ({
    type: fullName,
    cursor: cursors.find(({ type }) => type === name) ?? { lineage: '', revision: 0 },
    objects: objects.filter(({ type }) => type === name),
  }));
}
