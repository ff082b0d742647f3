/** Podmans of one host hand out different addresses. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addressPrefixes, claimPlace, placeOf } from './address-place.js';
import { podmanLayout } from './layout.js';

const dir = await mkdtemp(join(tmpdir(), 'ep-place-'));
const claims = join(dir, 'claims');
test.after(() => rm(dir, { recursive: true, force: true }));

async function site(name: string) {
  const layout = podmanLayout(join(dir, name));
  await mkdir(layout.stateDir, { recursive: true });
  return layout;
}

test('many at once have each their own, keep it, and leave it with their directory', async () => {
  const layouts = await Promise.all(Array.from({ length: 64 }, (_, i) => site(`site${i}`)));
  const places = await Promise.all(layouts.map((layout) => claimPlace(layout, claims)));
  assert.is(new Set(places).size, 64);
  assert.is(new Set(places.flatMap(addressPrefixes)).size, 128);
  assert.equal(await Promise.all(layouts.map((layout) => claimPlace(layout, claims))), places);
  assert.equal(await Promise.all(layouts.map(placeOf)), places);

  const [gone] = layouts;
  const late = await site('late');
  await claimPlace(late, claims);
  if (gone) await rm(gone.stateDir, { recursive: true });
  await claimPlace(late, claims);
  assert.is(await placeOf(late), places[0], 'the only free one');
});

test('a place is kept over a boot, which forgets the claims', async () => {
  const layout = await site('kept');
  const first = await placeOf(layout);
  await rm(claims, { recursive: true });
  await mkdir(claims);
  await symlink((await site('other')).stateDir, join(claims, String(first)));
  assert.is(await claimPlace(layout, claims), (first + 1) % 64);
  await rm(claims, { recursive: true });
  assert.is(await claimPlace(layout, claims), (first + 1) % 64);
});

test.run();
