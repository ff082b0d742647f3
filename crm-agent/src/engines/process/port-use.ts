import { createSocket } from 'node:dgram';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer, isIPv6 } from 'node:net';

/** What the kernel gives to one process only. */
export interface HostSocket {
  readonly layer: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
}

/**
 * Why a port of this host cannot be listened on, with the process that has it where that can be seen; undefined when it
 * can. It is tried out, without the options by which some servers share a port unasked.
 */
export async function portTaken(socket: HostSocket): Promise<string | undefined> {
  const error = await (socket.layer === 'tcp' ? tryTcp(socket) : tryUdp(socket));
  if (!error) return undefined;
  if (error.code !== 'EADDRINUSE') return error.message;
  const holder = await holderOf(socket);
  return holder === undefined ? error.message : `held by ${holder}`;
}

/** Ports that a process listens on. */
export async function portsOf(pid: number): Promise<readonly HostSocket[]> {
  const held = new Set(await socketInodes(String(pid)));
  const bound = [...(await boundSockets('tcp')), ...(await boundSockets('udp'))];
  return bound.filter(({ inode }) => held.has(inode)).map(({ socket }) => socket);
}

function tryTcp({ address: host, port }: HostSocket): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function tryUdp({ address, port }: HostSocket): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.once('error', (error) => socket.close(() => resolve(error)));
    socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}

/** `"nginx" (process 17)`; undefined when it is in another network namespace, or gone. */
async function holderOf(wanted: HostSocket): Promise<string | undefined> {
  const bound = (await boundSockets(wanted.layer)).filter(({ socket }) => inTheWay(socket, wanted));
  const inodes = new Set(bound.map(({ inode }) => inode));
  for (const pid of inodes.size > 0 ? await readdir('/proc') : []) {
    if (!/^\d+$/.test(pid) || !(await socketInodes(pid)).some((inode) => inodes.has(inode))) continue;
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
    return `"${name}" (process ${pid})`;
  }
  return undefined;
}

const ANY = ['0.0.0.0', '::'];

function inTheWay(socket: HostSocket, wanted: HostSocket): boolean {
  if (socket.port !== wanted.port) return false;
  return (
    ANY.includes(socket.address) ||
    ANY.includes(wanted.address) ||
    socket.address === canonicalAddress(wanted.address)
  );
}

/** The one way to write an address. */
export function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
}

async function socketInodes(pid: string): Promise<readonly string[]> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}

export interface BoundSocket {
  readonly socket: HostSocket;
  readonly inode: string;
}

async function boundSockets(layer: 'tcp' | 'udp'): Promise<readonly BoundSocket[]> {
  const tables = [`/proc/net/${layer}`, `/proc/net/${layer}6`];
  const texts = await Promise.all(tables.map((path) => readFile(path, 'utf8').catch(() => '')));
  return texts.flatMap((text) => parseSocketTable(text, layer));
}

/** State of a TCP socket that listens, and of a UDP socket that is not connected. */
const LISTENS = { tcp: '0A', udp: '07' } as const;

/** What listens, from the text of the kernel's table of sockets. */
export function parseSocketTable(table: string, layer: 'tcp' | 'udp'): readonly BoundSocket[] {
  return table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    const [host, port] = local?.split(':') ?? [];
    if (host === undefined || port === undefined || inode === undefined || state !== LISTENS[layer])
      return [];
    return [{ socket: { layer, address: addressOf(host), port: Number.parseInt(port, 16) }, inode }];
  });
}

/** The kernel prints addresses as numbers of four bytes, each with its first byte last. */
function addressOf(hex: string): string {
  const bytes = [...Buffer.from(hex, 'hex')];
  const inOrder = bytes.map((_, i) => bytes[i - (i % 4) + 3 - (i % 4)] ?? 0);
  if (inOrder.length === 4) return inOrder.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((inOrder[2 * i] ?? 0) * 256 + (inOrder[2 * i + 1] ?? 0)).toString(16),
  );
  const mapped = `${groups.slice(0, 6).join(':')}` === '0:0:0:0:0:ffff';
  return mapped ? inOrder.slice(12).join('.') : canonicalAddress(groups.join(':'));
}
