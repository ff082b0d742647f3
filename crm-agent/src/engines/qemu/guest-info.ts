/** What a guest says of itself. It is the guest's word: for people to read, not to decide by. */
export interface GuestInfo {
  readonly hostname?: string;
  /** Such as `Debian GNU/Linux 12 (bookworm)`. */
  readonly os?: string;
  readonly kernel?: string;
  readonly agentVersion?: string;
  /** Without loopback and link-local ones. */
  readonly addresses: readonly GuestAddress[];
}

export interface GuestAddress {
  readonly link: string;
  readonly mac?: string;
  readonly ip: string;
}

/** Guests are not trusted: texts are cut and cleaned before anybody sees them. */
const TEXT_MAX = 200;
const ADDRESSES_MAX = 64;

/** Reads the answers of a guest agent; what is missing or odd is left out. */
export function guestInfoOf(answers: {
  readonly host: unknown;
  readonly os: unknown;
  readonly agent: unknown;
  readonly links: unknown;
}): GuestInfo {
  const hostname = text(field(answers.host, 'host-name'));
  const os = text(field(answers.os, 'pretty-name')) ?? text(field(answers.os, 'name'));
  const kernel = text(field(answers.os, 'kernel-release'));
  const agentVersion = text(field(answers.agent, 'version'));
  return {
    ...(hostname === undefined ? {} : { hostname }),
    ...(os === undefined ? {} : { os }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    addresses: list(answers.links).flatMap(addressesOf).slice(0, ADDRESSES_MAX),
  };
}

function addressesOf(entry: unknown): GuestAddress[] {
  const link = text(field(entry, 'name')) ?? '';
  const mac = text(field(entry, 'hardware-address'));
  return list(field(entry, 'ip-addresses')).flatMap((address) => {
    const ip = text(field(address, 'ip-address'));
    if (ip === undefined || !/^[0-9a-f.:]+$/i.test(ip)) return [];
    if (/^(127\.|169\.254\.|::1$|fe[89ab])/i.test(ip)) return [];
    return [{ link, ip, ...(mac === undefined ? {} : { mac }) }];
  });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const clean = value
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, TEXT_MAX);
  return clean === '' ? undefined : clean;
}
