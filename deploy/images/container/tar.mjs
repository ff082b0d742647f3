/**
 * A ustar writer that knows nothing of the machine: owner 0, time 0, entries in the order given.
 * The same entries give the same bytes everywhere, which is what makes an image digest mean something.
 *
 * @param {readonly { path: string, mode: number, data?: Buffer, link?: string }[]} entries a directory ends in "/"
 * @returns {Buffer}
 */
export function tarOf(entries) {
  const blocks = [];
  for (const entry of entries) {
    const data = entry.data ?? Buffer.alloc(0);
    blocks.push(header(entry, data.length), data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function header(entry, size) {
  if (Buffer.byteLength(entry.path) > 100) throw new RangeError(`tar path over 100 bytes: ${entry.path}`);
  const block = Buffer.alloc(512);
  const octal = (value, at, width) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  block.write(entry.path, 0);
  octal(entry.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(entry.link === undefined ? (entry.path.endsWith('/') ? '5' : '0') : '2', 156, 'latin1');
  block.write(entry.link ?? '', 157);
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
