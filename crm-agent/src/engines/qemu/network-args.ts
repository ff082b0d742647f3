import { createHash } from 'node:crypto';
import { FIRST_SHARED_FD } from '../process/index.js';
import { type HostForward, hostSide, type Nic } from './network-spec.js';

/** What the command line calls the way to the metadata. */
export const METADATA_CHARDEV = 'metadata';

/** The host's end of a NIC, and the name by which QEMU knows it. */
export function netdevId(index: number): string {
  return `net${index}`;
}

/**
 * A stable, locally administered unicast address for a NIC that was given none. On a network of QEMU's own the short
 * form will do; on a bridge, where many machines meet, five bytes tell them apart.
 */
export function macOf(id: string, index: number, type: Nic['type']): string {
  // By which guests know that network; each has it to itself.
  if (type === 'metadata') return 'aa:ff:00:00:00:01';
  const hash = createHash('sha256')
    .update(index === 0 ? id : `${id}/${index}`)
    .digest();
  const bytes = (count: number) => [...hash.subarray(0, count)].map((b) => b.toString(16).padStart(2, '0'));
  return (type === 'user' ? ['52', '54', '00', ...bytes(3)] : ['52', ...bytes(5)]).join(':');
}

/**
 * Name of the tap device between a NIC and its bridge: the same for the same machine, and at most 15 bytes. The first
 * part tells the machines of one state directory from those of others on the host.
 */
export function tapName(root: string, id: string, index: number): string {
  return `${tapPrefix(root)}${digest(`${id}/${index}`, 7)}`;
}

export function tapPrefix(root: string): string {
  return `eq${digest(root, 6)}`;
}

/** What NICs have of their surroundings. */
export interface NicSetting {
  /** The directory of all machines. */
  readonly root: string;
  /** The machine's own kind of card. */
  readonly virtio: string;
  /** Whether networks of QEMU's own lead anywhere. */
  readonly wayOut: boolean;
}

/** The arguments for all NICs of a machine. */
export function nicArgs(id: string, nics: readonly Nic[], { root, virtio, wayOut }: NicSetting): string[] {
  const macvtaps = nics.filter(({ type }) => type === 'macvtap');
  return nics.flatMap((nic, index) => {
    const mac = nic.mac ?? macOf(id, index, nic.type);
    const device = nic.model === undefined || nic.model === 'virtio' ? virtio : nic.model;
    return [
      ...['-netdev', netdev(nic, netdevId(index), tapName(root, id, index), macvtaps.indexOf(nic), wayOut)],
      ...['-device', `${device},netdev=${netdevId(index)},id=nic${index},mac=${mac}`],
    ];
  });
}

/** @param place among the devices that QEMU gets open */
function netdev(nic: Nic, id: string, ownTap: string, place: number, wayOut: boolean): string {
  if (nic.type === 'user') {
    const forwards = (nic.forwards ?? []).map((f) => `hostfwd=${forwardRule(f)}`);
    // The guard of the host's loopback knows IPv4 only. Forwards lead in all the same when there is no way out.
    return ['user', `id=${id}`, 'ipv6=off', ...(wayOut ? [] : ['restrict=on']), ...forwards].join(',');
  }
  if (nic.type === 'metadata') {
    const net = 'net=169.254.0.0/16,host=169.254.255.254,dns=169.254.255.253,dhcpstart=169.254.0.1';
    return `user,id=${id},${net},restrict=on,guestfwd=tcp:169.254.169.254:80-chardev:${METADATA_CHARDEV}`;
  }
  if (nic.type === 'macvtap') return `tap,id=${id},fd=${FIRST_SHARED_FD + place}`;
  const ifname = nic.type === 'tap' ? nic.tap : ownTap;
  return `tap,id=${id},ifname=${ifname},script=no,downscript=no`;
}

/** A forward as QEMU writes it, on its command line and in `hostfwd_add`. */
export function forwardRule(forward: HostForward): string {
  return `${hostSide(forward)}-:${forward.guestPort}`;
}

function digest(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
