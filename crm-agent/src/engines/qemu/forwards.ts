import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { portConflict } from './exit-reason.js';
import { forwardRule, netdevId } from './network-args.js';
import { type HostForward, hostSide, type Nic } from './network-spec.js';
import type { QmpClient } from './qmp.js';

/** Forwards by NIC (`net0`), from QEMU's answer to `info usernet`, which lists connections too. */
export function parseUsernet(text: string): ReadonlyMap<string, readonly HostForward[]> {
  const found = new Map<string, HostForward[]>();
  let current: HostForward[] = [];
  for (const line of text.split(/\r?\n/)) {
    const hub = /^Hub -?\d+ \((.+)\):$/.exec(line.trim());
    if (hub?.[1] !== undefined) {
      current = found.get(hub[1]) ?? [];
      found.set(hub[1], current);
      continue;
    }
    // Protocol[State] FD Source-address Port Dest-address Port RecvQ SendQ
    const row = /^\s*(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+)\s/.exec(line);
    if (!row) continue;
    const [, proto, addr, hostPort, guestPort] = row;
    current.push({
      proto: proto === 'UDP' ? 'udp' : 'tcp',
      hostAddr: addr === '*' || addr === undefined ? '0.0.0.0' : addr,
      hostPort: Number(hostPort),
      guestPort: Number(guestPort),
    });
  }
  return found;
}

export interface ForwardChange {
  readonly command: 'hostfwd_add' | 'hostfwd_remove';
  readonly netdev: string;
  readonly rule: string;
}

/** What turns the forwards that QEMU has into those that are wanted: removals first, as they may free a port. */
export function forwardChanges(
  have: ReadonlyMap<string, readonly HostForward[]>,
  nics: readonly Nic[],
): ForwardChange[] {
  const removals: ForwardChange[] = [];
  const additions: ForwardChange[] = [];
  nics.forEach((nic, index) => {
    if (nic.type !== 'user') return;
    const netdev = netdevId(index);
    const wanted = new Set((nic.forwards ?? []).map(forwardRule));
    const there = have.get(netdev) ?? [];
    for (const forward of there) {
      if (!wanted.delete(forwardRule(forward)))
        removals.push({ command: 'hostfwd_remove', netdev, rule: hostSide(forward) });
    }
    for (const rule of wanted) additions.push({ command: 'hostfwd_add', netdev, rule });
  });
  return [...removals, ...additions];
}

/** Makes the forwards of a running machine those of its NICs. @throws portInUse, forwardFailed */
export async function convergeForwards(id: string, qmp: QmpClient, nics: readonly Nic[]): Promise<void> {
  if (!nics.some((nic) => nic.type === 'user')) return;
  const have = parseUsernet(await monitorCommand(qmp, 'info usernet'));
  for (const { command, netdev, rule } of forwardChanges(have, nics)) {
    const answer = (await monitorCommand(qmp, `${command} ${netdev} ${rule}`)).trim();
    // Success is silent for an addition, and an error is text like any other.
    if (answer === '' || (command === 'hostfwd_remove' && / (removed|not found)$/.test(answer))) continue;
    const conflict = portConflict(answer);
    throw conflict
      ? fail(qemuErrors.portInUse, { id, ...conflict })
      : fail(qemuErrors.forwardFailed, { id, rule, reason: answer });
  }
}

async function monitorCommand(qmp: QmpClient, line: string): Promise<string> {
  return String(await qmp.execute('human-monitor-command', { 'command-line': line }));
}
