import { isIPv4 } from 'node:net';

/** One port of the host that leads into the guest. */
export interface HostForward {
  readonly proto: 'tcp' | 'udp';
  /** IPv4 address to listen on; `0.0.0.0` for all. */
  readonly hostAddr: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** The card that the guest sees; the others are for guests without the driver of the first. */
export type NicModel = 'virtio' | 'e1000' | 'rtl8139';
const MODELS: readonly unknown[] = ['virtio', 'e1000', 'rtl8139'] satisfies NicModel[];

interface AnyNic {
  readonly mac?: string;
  /** Default virtio, which is all that a microVM takes. */
  readonly model?: NicModel;
}

/** A network that QEMU itself makes: the guest gets 10.0.2.15 by DHCP and reaches what the host reaches. */
export interface UserNic extends AnyNic {
  readonly type: 'user';
  readonly forwards?: readonly HostForward[];
}

/** A tap device that somebody else makes and removes; it must be there when the machine starts. */
export interface TapNic extends AnyNic {
  readonly type: 'tap';
  readonly tap: string;
}

/** A port on a bridge of the host. The tap device between belongs to QEMU's process and goes with it. */
export interface BridgeNic extends AnyNic {
  readonly type: 'bridge';
  readonly bridge: string;
}

/** A place of its own on an interface of the host, beside the host's own. The device between is the engine's. */
export interface MacvtapNic extends AnyNic {
  readonly type: 'macvtap';
  readonly parent: string;
}

/**
 * A network on which there is nothing but the guest's own metadata, at http://169.254.169.254/. The guest gets
 * 169.254.0.1/16 by DHCP, without a route to anywhere else.
 */
export interface MetadataNic extends AnyNic {
  readonly type: 'metadata';
}

/** How the guest is connected; it sees its NICs in the order of the list. */
export type Nic = UserNic | TapNic | BridgeNic | MacvtapNic | MetadataNic;

export type SpecRule = (ok: boolean, field: string, rule: string, value: unknown) => void;

const MAC = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i;
/** IFNAMSIZ is 16 with the closing zero; `%` would be a pattern to the kernel. */
const LINK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;

/** Calls `need` for each rule, in order. Host ports are checked over all NICs, as they are the host's. */
export function checkNics(nics: readonly Nic[], need: SpecRule): void {
  const macs = new Set<string>();
  const taps = new Set<string>();
  const forwards = new Set<string>();
  nics.forEach((nic, i) => {
    const field = `nics[${i}]`;
    if (nic.mac !== undefined) {
      const rule = 'a unicast address such as 52:54:00:12:34:56, given once';
      const mac = nic.mac.toLowerCase();
      need(MAC.test(mac) && !macs.has(mac), `${field}.mac`, rule, nic.mac);
      macs.add(mac);
    }
    if (nic.model !== undefined)
      need(MODELS.includes(nic.model), `${field}.model`, MODELS.join(', '), nic.model);
    switch (nic.type) {
      case 'user':
        checkForwards(nic.forwards ?? [], `${field}.forwards`, forwards, need);
        return;
      case 'tap':
        need(LINK.test(nic.tap), `${field}.tap`, 'the name of a tap device', nic.tap);
        need(!taps.has(nic.tap), `${field}.tap`, 'given once', nic.tap);
        taps.add(nic.tap);
        return;
      case 'bridge':
        need(LINK.test(nic.bridge), `${field}.bridge`, 'the name of a bridge', nic.bridge);
        return;
      case 'macvtap':
        need(LINK.test(nic.parent), `${field}.parent`, 'the name of an interface', nic.parent);
        return;
      case 'metadata':
        need(
          !nics.slice(0, i).some(({ type }) => type === 'metadata'),
          field,
          'the only one of type metadata',
          nic.type,
        );
        return;
      default:
        need(
          false,
          `${field}.type`,
          'user, tap, bridge, macvtap or metadata',
          (nic as { type: unknown }).type,
        );
    }
  });
}

function checkForwards(
  forwards: readonly HostForward[],
  list: string,
  seen: Set<string>,
  need: SpecRule,
): void {
  const port = (field: string, value: number) =>
    need(
      Number.isInteger(value) && value >= 1 && value <= 65535,
      field,
      'a whole number from 1 to 65535',
      value,
    );
  forwards.forEach((forward, i) => {
    const field = `${list}[${i}]`;
    need(forward.proto === 'tcp' || forward.proto === 'udp', `${field}.proto`, 'tcp or udp', forward.proto);
    need(isIPv4(forward.hostAddr), `${field}.hostAddr`, 'an IPv4 address', forward.hostAddr);
    port(`${field}.hostPort`, forward.hostPort);
    port(`${field}.guestPort`, forward.guestPort);
    const key = hostSide(forward);
    need(!seen.has(key), `${field}.hostPort`, 'given once', key);
    seen.add(key);
  });
}

/** What can be taken only once on the host, in QEMU's spelling. */
export function hostSide(forward: HostForward): string {
  return `${forward.proto}:${forward.hostAddr}:${forward.hostPort}`;
}

/** Forwards of all user-mode NICs. */
export function forwardsOf(nics: readonly Nic[]): readonly HostForward[] {
  return nics.flatMap((nic) => (nic.type === 'user' ? (nic.forwards ?? []) : []));
}
