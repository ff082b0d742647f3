/** Where edgectl reads and writes. Output resolves when there is room for more. */
export interface Console {
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  /** A file's text; `-` is standard input. @throws whatever reading threw. */
  read(path: string): Promise<string>;
  /** Somebody types on standard input. */
  readonly interactive: boolean;
}
