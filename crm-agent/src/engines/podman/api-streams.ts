import { StringDecoder } from 'node:string_decoder';

/**
 * Takes apart an attach stream: frames of one byte stream number (1 output, 2 error output), three zero bytes, a
 * 32-bit big-endian length, then the bytes. Something that is no frame is taken as plain output.
 */
export function demultiplex(body: Buffer): { stdout: string; stderr: string; all: string } {
  const parts: { stream: number; data: Buffer }[] = [];
  let at = 0;
  while (at + 8 <= body.length) {
    const stream = body[at] ?? 0;
    if (stream > 3 || body.readUIntBE(at + 1, 3) !== 0) break;
    const end = at + 8 + body.readUInt32BE(at + 4);
    parts.push({ stream, data: body.subarray(at + 8, end) });
    at = end;
  }
  if (at < body.length) parts.push({ stream: 1, data: body.subarray(at) });
  const text = (wanted: (stream: number) => boolean) =>
    Buffer.concat(parts.filter((p) => wanted(p.stream)).map((p) => p.data)).toString();
  return { stdout: text((s) => s < 2), stderr: text((s) => s >= 2), all: text(() => true) };
}

/** Takes apart the same frames as they come; `stream` is 1 for output and 2 for standard error. */
export async function* frames(
  body: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly stream: number; readonly data: Buffer }> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of body) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 8 <= rest.length) {
      const end = at + 8 + rest.readUInt32BE(at + 4);
      if (end > rest.length) break;
      yield { stream: rest[at] ?? 0, data: rest.subarray(at + 8, end) };
      at = end;
    }
    rest = rest.subarray(at);
  }
}

/** JSON values of a stream with one on each line. */
export async function* jsonLines<T>(stream: AsyncIterable<Buffer>): AsyncGenerator<T> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T;
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as T;
}
