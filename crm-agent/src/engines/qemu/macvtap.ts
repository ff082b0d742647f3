import { type FileHandle, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { macOf, tapName, tapPrefix } from './network-args.js';
import type { Nic } from './network-spec.js';
import { runTool } from './tools.js';

const LINKS = '/sys/class/net';
/** More than any machine has NICs: their names follow from their places. */
const NICS_MAX = 32;

/**
 * Makes a macvtap device for each NIC that is to be on an interface of the host, and opens them, in order, for QEMU. Unlike a
 * tap device one stays when its process ends, so what an earlier start left is replaced.
 * @param root directory of all machines. @param dir of this one. @throws networkFailed, with none left
 */
export async function openMacvtaps(
  root: string,
  dir: string,
  id: string,
  nics: readonly Nic[],
): Promise<readonly FileHandle[]> {
  const opened: FileHandle[] = [];
  try {
    for (const [index, nic] of nics.entries()) {
      if (nic.type !== 'macvtap') continue;
      const name = tapName(root, id, index);
      const refuse = (reason: string) =>
        fail(qemuErrors.macvtapFailed, { id, name, parent: nic.parent, reason });
      await removeLink(name);
      for (const args of [
        ['link', 'add', 'link', nic.parent, 'name', name, 'type', 'macvtap', 'mode', 'bridge'],
        ['link', 'set', 'dev', name, 'alias', `edgeplane VM ${id} NIC ${index}`],
        // The kernel hands on what is for this address.
        ['link', 'set', 'dev', name, 'address', nic.mac ?? macOf(id, index, nic.type)],
        ['link', 'set', 'dev', name, 'up'],
      ]) {
        const { code, stderr } = await runTool('ip', args);
        if (code !== 0) throw refuse(stderr.trim());
      }
      opened.push(
        await openDevice(name, dir).catch((error: Error) => {
          throw refuse(error.message);
        }),
      );
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map((file) => file.close()));
    await removeMacvtaps(root, id);
    throw error;
  }
}

/** Removes the macvtap devices of a machine that does not run. */
export async function removeMacvtaps(root: string, id: string): Promise<void> {
  const names = new Set(await macvtapsBelow(root));
  for (let index = 0; index < NICS_MAX && names.size > 0; index++) {
    const name = tapName(root, id, index);
    if (names.delete(name)) await removeLink(name);
  }
}

/** Removes those of machines that there are not any more. */
export async function sweepMacvtaps(root: string, ids: ReadonlySet<string>): Promise<void> {
  const left = await macvtapsBelow(root);
  if (left.length === 0) return;
  const known = new Set(
    [...ids].flatMap((id) => Array.from({ length: NICS_MAX }, (_, i) => tapName(root, id, i))),
  );
  for (const name of left) if (!known.has(name)) await removeLink(name);
}

/** Macvtap devices of the machines of a directory; a tap device, which goes with its process, has no number in its folder. */
async function macvtapsBelow(root: string): Promise<string[]> {
  const names = (await readdir(LINKS)).filter((name) => name.startsWith(tapPrefix(root)));
  const found: string[] = [];
  for (const name of names) if ((await deviceOf(name)) !== undefined) found.push(name);
  return found;
}

/** Name of the character device behind a macvtap device. */
async function deviceOf(name: string): Promise<string | undefined> {
  const entries = await readdir(join(LINKS, name)).catch(() => []);
  return entries.find((entry) => /^tap\d+$/.test(entry));
}

/** Where nobody makes device nodes, as in a container, one is made for the moment of opening it. */
async function openDevice(name: string, dir: string): Promise<FileHandle> {
  const device = await deviceOf(name);
  if (device === undefined) throw new Error('it has no character device');
  try {
    return await open(join('/dev', device), 'r+');
  } catch {
    const [major = '', minor = ''] = (await readFile(join(LINKS, name, device, 'dev'), 'utf8'))
      .trim()
      .split(':');
    const node = join(dir, `${device}.part`);
    await rm(node, { force: true });
    const { code, stderr } = await runTool('mknod', ['-m', '600', node, 'c', major, minor]);
    if (code !== 0) throw new Error(stderr.trim());
    try {
      return await open(node, 'r+');
    } finally {
      await rm(node, { force: true });
    }
  }
}

async function removeLink(name: string): Promise<void> {
  // None is fine.
  await runTool('ip', ['link', 'delete', 'dev', name]);
}
