import { fail } from '@edgeplane/base';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { controllerErrors } from '../errors.js';

/** One port that an App listens on. */
export interface AccessPort {
  readonly proto: LProto;
  readonly port: number;
}

const PROTOCOLS: Readonly<Record<string, LProto>> = {
  tcp: LProto.L_PROTO_TCP,
  udp: LProto.L_PROTO_UDP,
  http: LProto.L_PROTO_HTTP,
};

/**
 * Parses `tcp:80,udp:10002` (controller spec section 9.3). Protocols in any case; an empty text is no ports.
 * @throws EdgeplaneError PORTS_*
 */
export function parseAccessPorts(text: string): AccessPort[] {
  if (text === '') return [];
  return text.split(',').map((element) => {
    const parts = element.split(':');
    const [first = '', port = ''] = parts;
    if (parts.length !== 2) throw fail(controllerErrors.PORTS_FORMAT, { text: first });
    const protocol = first.toLowerCase();
    const proto = Object.hasOwn(PROTOCOLS, protocol) ? PROTOCOLS[protocol] : undefined;
    if (proto === undefined) throw fail(controllerErrors.PORTS_PROTOCOL, { protocol });
    return { proto, port: parsePort(port) };
  });
}

/** @throws EdgeplaneError PORTS_NUMBER, PORTS_RANGE */
export function parsePort(text: string): number {
  const bad = (reason: string) => fail(controllerErrors.PORTS_NUMBER, { port: text, reason });
  if (!/^[+-]?\d+$/.test(text)) throw bad('invalid syntax');
  const digits = BigInt(text.replace('+', ''));
  if (digits > 2n ** 63n - 1n || digits < -(2n ** 63n)) throw bad('value out of range');
  if (digits < 1n || digits > 65535n) throw fail(controllerErrors.PORTS_RANGE, { port: text });
  return Number(digits);
}

/** Proto name as Services and port names spell it: `tcp`, `udp`, `http`. */
export function protoName(proto: LProto): string {
  return Object.keys(PROTOCOLS).find((name) => PROTOCOLS[name] === proto) ?? '';
}
