import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seedFiles, seedImage } from './cloud-init.js';
import { type FatFile, fatImage } from './fat.js';

const test = suite('cloud-init seed');

/** Reads a FAT12 volume by the book, apart from the writer. The guest's kernel does so too, in the engine's tests. */
function readFat(image: Buffer): { label: string; files: Map<string, Buffer> } {
  const perCluster = image.readUInt8(13) * 512;
  const fatAt = image.readUInt16LE(14) * 512;
  const fatBytes = image.readUInt16LE(22) * 512;
  const rootAt = fatAt + image.readUInt8(16) * fatBytes;
  const dataAt = rootAt + image.readUInt16LE(17) * 32;
  assert.equal(
    image.subarray(fatAt, fatAt + fatBytes),
    image.subarray(fatAt + fatBytes, rootAt),
    'FAT copies',
  );
  assert.is(image.length, (image.readUInt16LE(19) || image.readUInt32LE(32)) * 512);
  assert.ok((image.length - dataAt) / perCluster < 4085, 'still FAT12');
  const nextOf = (n: number) => {
    const word = image.readUInt16LE(fatAt + Math.floor(n * 1.5));
    return n % 2 ? word >> 4 : word & 0xfff;
  };
  const files = new Map<string, Buffer>();
  let label = '';
  let long = '';
  for (let at = rootAt; image[at]; at += 32) {
    const kind = image.readUInt8(at + 11);
    if (kind === 0x0f) {
      const places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
      const units = places.map((p) => image.readUInt16LE(at + p)).filter((u) => u !== 0 && u !== 0xffff);
      long = String.fromCharCode(...units) + long;
    } else if (kind === 0x08) label = image.toString('latin1', at, at + 11).trim();
    else {
      const parts: Buffer[] = [];
      for (let n = image.readUInt16LE(at + 26); n >= 2 && n < 0xff8; n = nextOf(n)) {
        parts.push(image.subarray(dataAt + (n - 2) * perCluster, dataAt + (n - 1) * perCluster));
      }
      files.set(long, Buffer.concat(parts).subarray(0, image.readUInt32LE(at + 28)));
      long = '';
    }
  }
  return { label, files };
}

test('holds what cloud-init looks for', () => {
  const init = {
    instanceId: 'i-1',
    hostname: 'web',
    userData: '#!/bin/sh\necho "hi"\n',
    metaData: { 'public-key': 'a "b"' },
    networkConfig: 'version: 2\n',
  };
  const { label, files } = readFat(seedImage(init));
  assert.is(label, 'cidata');
  assert.equal([...files.keys()], ['meta-data', 'user-data', 'network-config']);
  assert.is(
    files.get('meta-data')?.toString(),
    'public-key: "a \\"b\\""\ninstance-id: "i-1"\nlocal-hostname: "web"\n',
  );
  assert.is(files.get('user-data')?.toString(), init.userData);
  assert.equal(seedImage(init), seedImage(init));
});

test('user-data is there even when nobody gave any', () => {
  const names = seedFiles({ instanceId: 'i', hostname: 'h' }).map((file) => file.name);
  assert.equal(names, ['meta-data', 'user-data']);
});

test('documents word for word take the place of those that would be made', () => {
  const documents = { 'meta-data': 'x: 1\n', 'vendor-data': '#cloud-config\n', other: 'not of a seed' };
  const files = seedFiles({ instanceId: 'i', hostname: 'h', documents });
  const texts = Object.fromEntries(files.map(({ name, data }) => [name, data.toString()]));
  assert.equal(texts, {
    'meta-data': 'x: 1\n',
    'user-data': '#cloud-config\n',
    'vendor-data': '#cloud-config\n',
  });
});

test('property: any files come back as they went in', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,39}$/);
  const file = fc.record<FatFile>({
    name,
    data: fc.uint8Array({ maxLength: 5000 }).map((a) => Buffer.from(a)),
  });
  fc.assert(
    fc.property(fc.uniqueArray(file, { selector: (f) => f.name, maxLength: 9 }), (files) => {
      const back = readFat(fatImage('cidata', files)).files;
      assert.is(back.size, files.length);
      for (const { name, data } of files) assert.ok(back.get(name)?.equals(data), name);
    }),
  );
});

test('a large file takes larger clusters, not another kind of FAT', () => {
  const data = Buffer.alloc(9_000_000, 'abcdefg');
  assert.ok(
    readFat(fatImage('cidata', [{ name: 'user-data', data }]))
      .files.get('user-data')
      ?.equals(data),
  );
});

test.run();
