import { fail } from '@edgeplane/base';
import { portTaken } from '../../engines/process/index.js';
import type { HostForward, Nic } from '../../engines/qemu/index.js';
import { shortHash } from '../../host-names.js';
import { virtrigaudErrors } from './errors.js';
import type { Inventory } from './inventory.js';
import { invalid } from './values.js';

/** A port of a guest that is to be reached though its network has no way in. */
export interface WantedForward {
  readonly proto: 'tcp' | 'udp';
  readonly guestPort: number;
}

const FORWARDS_MAX = 100;

/** Reads our own extension: guest ports as `tcp/8080,udp/53`. @throws FIELD_INVALID */
export function readForwards(field: string, text: string): readonly WantedForward[] {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '');
  if (words.length > FORWARDS_MAX) throw invalid(field, `at most ${FORWARDS_MAX} ports`, words.length);
  return words.map((word) => {
    const [, proto, digits] = /^(tcp|udp)\/(\d{1,5})$/.exec(word) ?? [];
    const guestPort = Number(digits);
    if (proto === undefined || guestPort < 1 || guestPort > 65_535)
      throw invalid(field, 'ports such as tcp/8080,udp/53', word);
    return { proto: proto === 'tcp' ? 'tcp' : 'udp', guestPort };
  });
}

/** Below what the kernel gives to programs that do not care, and apart from what drivers take. */
const FIRST = 30_000;
const COUNT = 2_700;

export interface ForwardPortsOptions {
  /** IPv4 address of this host that others reach. */
  readonly address: string;
  readonly inventory: Pick<Inventory, 'all'>;
}

/** Ports of this host that lead to guests. */
export class ForwardPorts {
  readonly #options: ForwardPortsOptions;
  /** Given out to machines that are not seen yet. */
  readonly #given = new Set<string>();

  constructor(options: ForwardPortsOptions) {
    this.#options = options;
  }

  /** One for each that is wanted, which neither a machine here nor anybody else on this host has now. */
  async take(id: string, wanted: readonly WantedForward[]): Promise<readonly HostForward[]> {
    const { address, inventory } = this.#options;
    const used = new Set(
      inventory
        .all()
        .flatMap(({ status }) => forwardsOf(status.spec?.nics ?? []))
        .map(({ proto, hostPort }) => `${proto} ${hostPort}`),
    );
    const found: HostForward[] = [];
    for (const { proto, guestPort } of wanted) {
      const start = Number.parseInt(shortHash(`${id} ${proto} ${guestPort}`), 16) % COUNT;
      let hostPort = 0;
      for (let i = 0; i < COUNT && hostPort === 0; i += 1) {
        const port = FIRST + ((start + i) % COUNT);
        const key = `${proto} ${port}`;
        if (used.has(key) || this.#given.has(key)) continue;
        this.#given.add(key);
        if ((await portTaken({ layer: proto, address, port })) === undefined) hostPort = port;
        else this.#given.delete(key);
      }
      if (hostPort === 0) throw fail(virtrigaudErrors.NO_PORT, { proto, guestPort, address });
      found.push({ proto, hostAddr: address, hostPort, guestPort });
    }
    return found;
  }

  /** The machines that they were given to are seen now, or will never be. */
  settled(forwards: readonly HostForward[]): void {
    for (const { proto, hostPort } of forwards) this.#given.delete(`${proto} ${hostPort}`);
  }
}

/** Forwards of all cards. */
export function forwardsOf(nics: readonly Nic[]): readonly HostForward[] {
  return nics.flatMap((nic) => (nic.type === 'user' ? (nic.forwards ?? []) : []));
}

/** The cards, with forwards on the first that takes them, and on no other. */
export function withForwards(nics: readonly Nic[], forwards: readonly HostForward[]): readonly Nic[] {
  const at = nics.findIndex(({ type }) => type === 'user');
  return nics.map((nic, index): Nic => {
    if (nic.type !== 'user') return nic;
    const { forwards: _, ...plain } = nic;
    return index === at && forwards.length > 0 ? { ...plain, forwards } : plain;
  });
}
