import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { fail, isThere } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { tapName } from './network-args.js';
import type { Nic } from './network-spec.js';
import { runTool } from './tools.js';

/** Bridges, taps and interfaces that a machine needs and somebody else makes. @throws networkMissing naming the first that is not there */
export async function requireLinks(id: string, nics: readonly Nic[]): Promise<void> {
  for (const nic of nics) {
    if (nic.type === 'bridge' && !(await isThere(`/sys/class/net/${nic.bridge}/bridge`)))
      throw fail(qemuErrors.networkMissing, { id, kind: 'bridge', name: nic.bridge });
    if (nic.type === 'macvtap' && !(await isThere(`/sys/class/net/${nic.parent}`)))
      throw fail(qemuErrors.networkMissing, { id, kind: 'interface', name: nic.parent });
    // QEMU would quietly make one of that name, connected to nothing.
    if (nic.type === 'tap' && !(await isThere(`/sys/class/net/${nic.tap}/tun_flags`)))
      throw fail(qemuErrors.networkMissing, { id, kind: 'tap device', name: nic.tap });
  }
}

/**
 * Puts the tap devices of a running machine on their bridges; what is in place is left alone. QEMU makes them and the
 * kernel removes them with its process, so none can be left behind.
 */
export async function attachBridges(root: string, id: string, nics: readonly Nic[]): Promise<void> {
  for (const [index, nic] of nics.entries()) {
    if (nic.type !== 'bridge') continue;
    const tap = tapName(root, id, index);
    const { bridge } = nic;
    if ((await masterOf(tap)) === bridge) continue;
    // Up only when it is a port, else the host would take an address of its own on it.
    const steps = [
      ['link', 'set', 'dev', tap, 'alias', `edgeplane VM ${id} NIC ${index}`],
      ['link', 'set', 'dev', tap, 'master', bridge],
      ['link', 'set', 'dev', tap, 'up'],
    ];
    for (const args of steps) {
      const { code, stderr } = await runTool('ip', args);
      if (code !== 0) throw fail(qemuErrors.networkFailed, { id, tap, bridge, reason: stderr.trim() });
    }
  }
}

async function masterOf(link: string): Promise<string | undefined> {
  return readlink(`/sys/class/net/${link}/master`).then(basename, () => undefined);
}
