import { isIP } from 'node:net';

/**
 * The IP address in a peer's transport address: `1.2.3.4:5`, `[::1]:5`, or `::1:5` without brackets. An IPv4 address
 * in IPv6 clothes is given as IPv4. Empty when there is none, as for a Unix socket.
 */
export function peerIp(peer: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(peer)?.[1];
  const host = (bracketed ?? peer.slice(0, Math.max(0, peer.lastIndexOf(':')))).replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  const address = mapped ?? host;
  return isIP(address) === 0 ? '' : address;
}
