import { createHash } from 'node:crypto';
import { messageOf } from '@edgeplane/base';
import type { Cursor } from '../v2/held.js';

/** Whose objects a log holds, and how they are encoded. */
export interface LogOwner {
  /** Hash of the data model by which keys are encoded. */
  readonly dataModel: string;
  /** Key JSON of the cloudlet. */
  readonly cloudlet: string;
}

/** An object as it was sent, or, without bytes, its end. */
export interface LogEntry {
  /** Name of the type, such as `AppInst`. */
  readonly type: string;
  readonly keyJson: string;
  /** Protobuf. */
  readonly bytes?: Uint8Array | undefined;
  /** The sender's; 0 or missing where the protocol does not tell it. */
  readonly revision?: number | undefined;
}

/** How far the objects of a type are in step with their sender. */
export interface LogCursor extends Cursor {
  /** Name of the type. */
  readonly type: string;
}

/** What a log says. */
export interface ReadLog {
  /** The last of each type. */
  readonly cursors: readonly LogCursor[];
  /** What was held at the end of the last whole batch, by type and key. */
  readonly entries: readonly LogEntry[];
  /** The last batch was cut off while it was written: what a crash leaves. */
  readonly torn: boolean;
  /** Why something else of it was not understood. */
  readonly damage?: string;
}

const FORMAT = 'edgeplane-mirror';
const VERSION = 1;
/** Hex digits. */
const CHECKSUM = 16;

interface StoredBatch {
  readonly cursors: readonly LogCursor[];
  readonly objects: readonly StoredEntry[];
}

/** Short names, as there is one of each per object. */
interface StoredEntry {
  readonly t: string;
  readonly k: string;
  /** base64. */
  readonly b?: string | undefined;
  readonly r?: number | undefined;
}

/** The line that a log begins with. */
export function encodeHeader(owner: LogOwner): string {
  return line({ format: FORMAT, version: VERSION, ...owner });
}

/** One line, so that a batch is read as a whole or not at all. */
export function encodeBatch(entries: readonly LogEntry[], cursors: readonly LogCursor[]): string {
  const objects = entries.map(
    ({ type, keyJson, bytes, revision }): StoredEntry => ({
      ...{ t: type, k: keyJson, r: revision || undefined },
      b: bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
    }),
  );
  return line({ cursors, objects } satisfies StoredBatch);
}

/** Reads a log up to the first line that is not whole. Never throws. */
export function readLog(text: string, owner: LogOwner): ReadLog {
  const lines = text.split('\n');
  // A whole log ends with a newline.
  const rest = lines.pop() ?? '';
  const held = new Map<string, LogEntry>();
  const cursors = new Map<string, LogCursor>();
  const result = (damage?: string): ReadLog => ({
    cursors: [...cursors.values()],
    entries: [...held.values()],
    torn: damage === undefined && rest !== '',
    ...(damage !== undefined && { damage }),
  });
  try {
    checkHeader(parseLine(lines[0] ?? ''), owner);
  } catch (error) {
    return result(messageOf(error));
  }
  for (const [index, batch] of lines.entries()) {
    if (index === 0) continue;
    try {
      const whole = parseLine(batch) as StoredBatch;
      for (const cursor of whole.cursors) cursors.set(cursor.type, cursor);
      for (const stored of whole.objects) {
        const id = `${stored.t} ${stored.k}`;
        if (stored.b === undefined) held.delete(id);
        else held.set(id, fromStored(stored, stored.b));
      }
    } catch (error) {
      return result(`line ${index + 1}: ${messageOf(error)}`);
    }
  }
  return result();
}

function fromStored({ t, k, r }: StoredEntry, b: string): LogEntry {
  return { type: t, keyJson: k, bytes: Buffer.from(b, 'base64'), revision: r };
}

function checkHeader(header: unknown, owner: LogOwner): void {
  const found = header as Partial<LogOwner> & { format?: unknown; version?: unknown };
  const expected = { format: FORMAT, version: VERSION, ...owner };
  for (const [name, value] of Object.entries(expected)) {
    const actual = found[name as keyof typeof found];
    if (actual !== value)
      throw new Error(`${name} is ${JSON.stringify(actual)} instead of ${JSON.stringify(value)}`);
  }
}

function line(content: unknown): string {
  const json = JSON.stringify(content);
  return `${checksum(json)} ${json}\n`;
}

function parseLine(text: string): unknown {
  const json = text.slice(CHECKSUM + 1);
  if (text.slice(0, CHECKSUM + 1) !== `${checksum(json)} `) throw new Error('its checksum does not fit');
  return JSON.parse(json) as unknown;
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, CHECKSUM);
}
