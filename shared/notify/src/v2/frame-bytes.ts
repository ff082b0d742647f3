/** What a frame is made of; what is encoded already is told as parts of a notice. */
export interface FrameParts {
  /** Changes, or a pack of them. */
  readonly changes: readonly { readonly bytes: Buffer }[];
  /** What comes between changes and marks; empty for nothing. */
  readonly between: Buffer;
  readonly marks: readonly Buffer[];
  /** 0: it has none. */
  readonly sequence: number;
  /** 0: there is nothing to acknowledge. */
  readonly ack: number;
  /** The action SENDALL_END. */
  readonly end: boolean;
}

/** Tags of `Notice.action`, `sequence` and `ack`, and the value of SENDALL_END. */
const ACTION = 1 << 3;
const SEQUENCE = 104 << 3;
const ACK = 105 << 3;
const SENDALL_END = 4;
/** Most bytes of what is not a part: three tags and three numbers. */
const MOST_NUMBERS = 24;

/** A notice, put together: most frames are of parts that were made once for all who get them. */
export function frameBytes({ changes, between, marks, sequence, ack, end }: FrameParts): Buffer {
  let size = MOST_NUMBERS + between.length;
  for (const { bytes } of changes) size += bytes.length;
  for (const mark of marks) size += mark.length;
  const frame = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { bytes } of changes) {
    frame.set(bytes, at);
    at += bytes.length;
  }
  if (between.length > 0) {
    frame.set(between, at);
    at += between.length;
  }
  for (const mark of marks) {
    frame.set(mark, at);
    at += mark.length;
  }
  if (sequence > 0) at = writeNumber(frame, writeNumber(frame, at, SEQUENCE), sequence);
  if (ack > 0) at = writeNumber(frame, writeNumber(frame, at, ACK), ack);
  if (end) at = writeNumber(frame, writeNumber(frame, at, ACTION), SENDALL_END);
  return frame.subarray(0, at);
}

/** Writes a varint; the place after it. */
export function writeNumber(into: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) into[at++] = (rest % 128) | 0x80;
  into[at++] = rest;
  return at;
}

/** Bytes of a varint. */
export function numberSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size += 1;
  return size;
}
