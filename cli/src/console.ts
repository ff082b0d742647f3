import type { ReadStream, WriteStream } from 'node:tty';

/** Where edgectl reads and writes. Output resolves when there is room for more. */
export interface Console {
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  /** A file's text; `-` is standard input. @throws whatever reading threw. */
  read(path: string): Promise<string>;
  /** Somebody types on standard input. */
  readonly interactive: boolean;
  /** The same as bytes, for shells; without them there are none. */
  readonly streams?: ByteStreams;
}

/** Standard input, output and error. What a terminal has is there only when there is one. */
export interface ByteStreams {
  readonly input: NodeJS.ReadableStream &
    AsyncIterable<Buffer> & { destroy(): unknown } & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;
  readonly output: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;
  readonly errors: NodeJS.WritableStream;
}
