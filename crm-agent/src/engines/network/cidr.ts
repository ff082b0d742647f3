/** A block of IPv4 addresses. */
export interface Cidr {
  /** The first address, as a number. */
  readonly base: number;
  readonly prefix: number;
}

/** Reads `10.0.0.0/8` or a single address; undefined when it is neither, such as IPv6 or `default`. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (!match) return undefined;
  const octets = match.slice(1, 5).map(Number);
  const prefix = match[5] === undefined ? 32 : Number(match[5]);
  if (octets.some((o) => o > 255) || prefix > 32) return undefined;
  const address = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const size = 2 ** (32 - prefix);
  return { base: Math.floor(address / size) * size, prefix };
}

export const sizeOf = ({ prefix }: Cidr): number => 2 ** (32 - prefix);

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a);
}

/** The address at an offset from the first, in dotted form. */
export function addressAt({ base }: Cidr, offset: number): string {
  const address = base + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

export const cidrText = (cidr: Cidr): string => `${addressAt(cidr, 0)}/${cidr.prefix}`;
