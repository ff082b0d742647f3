import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Podman, PodmanImages } from './image-source.js';

interface Context {
  dir: string;
  clock: ManualClock;
  images: PodmanImages;
  /** What podman was asked for. */
  asked: string[];
  opens: number;
  /** Why podman cannot be opened, or does not reach a registry. */
  trouble: string;
  silent: boolean;
}

const test = suite<Context>('images of microVMs');
test.before.each((c) => {
  const dir = mkdtempSync(join(tmpdir(), 'flintlock-images-'));
  mkdirSync(join(dir, 'images/layout'), { recursive: true });
  Object.assign(c, { dir, clock: new ManualClock(), asked: [], opens: 0, trouble: '', silent: false });
  const podman = {
    client: { images: { exists: async () => true } },
    async ensureImage(name: string, { refresh = false }: { refresh?: boolean } = {}) {
      c.asked.push(`${name}${refresh ? ' refreshed' : ''}`);
      if (refresh && c.silent) throw new Error('silence');
      return { id: `id of ${name}`, ref: name };
    },
    withImageFiles: (_: string, work: (folder: string) => Promise<unknown>) => work(dir),
    recover: async () => ({}),
    shutdown: async () => void c.asked.push('stopped'),
  } as unknown as Podman;
  c.images = new PodmanImages({
    ...{ owner: 'x', stateDir: dir, imageDir: join(dir, 'images'), registryAuth: '' },
    ...{ clock: c.clock, logger: silentLogger },
    async openPodman() {
      c.opens += 1;
      if (c.trouble !== '') throw new Error(c.trouble);
      return podman;
    },
  });
});
test.after.each((c) => rmSync(c.dir, { recursive: true, force: true }));

const signal = new AbortController().signal;

test('files of the host are taken from the image directory and nowhere else', async (c) => {
  const layout = join(c.dir, 'images/layout');
  assert.is(await c.images.idOf(`oci:${layout}`, signal), `id of id of oci:${layout}`);
  symlinkSync('/etc', join(c.dir, 'images/out'));
  const outside = [
    'oci:/etc',
    `oci:${c.dir}/images/out`,
    `oci:${c.dir}/images/../..`,
    `oci:${c.dir}/images/none`,
  ];
  for (const image of [...outside, 'docker-archive:/etc/passwd', 'oci-archive:x', './x', 'oci:']) {
    const error = await c.images.idOf(image, signal).catch(String);
    assert.match(
      String(error),
      'is a file of the host; only those below the image directory may be used',
      image,
    );
  }
  assert.is(c.opens, 1);
});

test('a tag is compared with its registry, now and then, and not while that is silent', async (c) => {
  const name = 'docker.io/library/web:1';
  const refreshes = () => c.asked.filter((text) => text === `${name} refreshed`).length;
  for (let i = 0; i < 3; i++) assert.is(await c.images.idOf('web:1', signal), `id of ${name}`);
  assert.is(refreshes(), 1);
  c.clock.advance(31_000);
  c.silent = true;
  assert.is(await c.images.idOf('web:1', signal), `id of ${name}`);
  assert.is(refreshes(), 2);
  c.clock.advance(31_000);
  await c.images.idOf('web:1', signal);
  assert.is(refreshes(), 2);
  c.clock.advance(600_000);
  await c.images.idOf('web:1', signal);
  assert.is(refreshes(), 3);
  c.asked.length = 0;
  for (const fixed of [`web@sha256:${'0'.repeat(64)}`, 'localhost/web:1']) await c.images.idOf(fixed, signal);
  writeFileSync(join(c.dir, 'images/reg.local_app_1.tar'), '');
  await c.images.idOf('reg.local/app:1', signal);
  assert.not(c.asked.some((text) => text.endsWith('refreshed')));
});

test('a podman that does not open is tried again, and closed with the door', async (c) => {
  c.trouble = 'not installed';
  assert.match(String(await c.images.open(signal).catch(String)), 'not installed');
  c.trouble = '';
  assert.is(await c.images.withImageFiles('id', async (folder) => folder), c.dir);
  assert.is(c.opens, 2);
  await c.images.close();
  assert.equal(c.asked, ['stopped']);
  assert.match(String(await c.images.open(signal).catch(String)), 'the agent is stopping');
});

test.run();
