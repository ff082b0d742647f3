import { mkdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere } from '@edgeplane/base';
import { replaceFile } from './files.js';
import { type PodmanLayout, shortHash } from './layout.js';

/** How many podmans of one host have addresses of their own. */
const PLACES = 64;
/** One link for each place that is taken, to the state directory of who has it. */
const CLAIMS = '/run/edgeplane/addresses';

const fileOf = (layout: PodmanLayout) => join(layout.stateDir, 'addresses');

/**
 * Which addresses of the host this podman hands out, a number from 0. Podman itself sees only the networks that are up,
 * so two of them would come to the same address sooner or later. The place is kept with the state, so that networks made
 * before stay in it; without one it follows from the path. When all places are taken they are shared.
 */
export async function claimPlace(layout: PodmanLayout, claims = CLAIMS): Promise<number> {
  const first = await placeOf(layout);
  await mkdir(claims, { recursive: true, mode: 0o700 });
  for (let i = 0; i < PLACES; i++) {
    const place = (first + i) % PLACES;
    if (!(await claim(join(claims, String(place)), layout.stateDir))) continue;
    await replaceFile(fileOf(layout), `${place}\n`);
    return place;
  }
  return first;
}

/** The place of the last claim, or the one that would be tried first. */
export async function placeOf(layout: PodmanLayout): Promise<number> {
  const kept = Number.parseInt(await readFile(fileOf(layout), 'utf8').catch(() => ''), 10);
  return Number.isInteger(kept) ? kept % PLACES : Number.parseInt(shortHash(layout.stateDir, 6), 16) % PLACES;
}

/** A claim ends with the directory that it points to. */
async function claim(path: string, stateDir: string): Promise<boolean> {
  for (let again = 0; again < 2; again++) {
    try {
      await symlink(stateDir, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readlink(path).catch(() => undefined);
    if (holder === stateDir) return true;
    if (holder !== undefined && (await isThere(holder))) return false;
    if (holder !== undefined) await takeAway(path, holder, stateDir);
  }
  return false;
}

/** Removes a claim that nobody has any more, and not one that was made of its place meanwhile. */
async function takeAway(path: string, holder: string, stateDir: string): Promise<void> {
  const aside = `${path}.${shortHash(stateDir)}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readlink(aside)) === holder) await rm(aside);
  else await rename(aside, path);
}

/**
 * First two numbers of every address of a place, such as `10.101.`; the second one is for hosts that use the first. 10.88
 * and 10.89 are left to podman's own default network and pool.
 */
export function addressPrefixes(place: number): string[] {
  return [`10.${96 + place}.`, `10.${96 + PLACES + place}.`];
}
