import { readFile } from 'node:fs/promises';
import { fail, messageOf } from '@edgeplane/base';
import { type ClientConstructor, type ClientTls, connect, type RpcClient } from '@edgeplane/rpc';
import { remoteErrors } from './errors.js';

/** Where somebody else's server is, and what the two know each other by. Files are named by absolute path. */
export interface Endpoint {
  /** `host:port`. */
  readonly address: string;
  /** Certificates of those that sign the server's. */
  readonly ca?: string | undefined;
  /** Ours, with its key, where the server asks for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name in the server's certificate, where it is not the host of the address. */
  readonly serverName?: string | undefined;
  /** File with a token; read at each call, so that it may be changed. */
  readonly tokenFile?: string | undefined;
  /** Plain text is agreed to. */
  readonly insecure: boolean;
}

/** Makes the `authorization` of a token. */
export type Scheme = (token: string) => string;
export const bearer: Scheme = (token) => `Bearer ${token}`;
/** The token alone, not a user with a password (flintlock). */
export const basic: Scheme = (token) => `Basic ${Buffer.from(token).toString('base64')}`;

/** Lists of thousands of machines come as one message. */
const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;
/** Pings go with calls only: servers close connections that are pinged while idle. */
const KEEPALIVE = { timeMs: 30_000, timeoutMs: 10_000, duringCallsOnly: true };

export interface Connection<C> {
  readonly client: C;
  /** What to send with a call. @throws FILE_UNREADABLE */
  headers(): Promise<Readonly<Record<string, string>>>;
  close(): void;
}

/** Makes a client; nothing is dialled before the first call. @throws INSECURE, FILE_UNREADABLE */
export async function openEndpoint<C extends RpcClient>(
  Constructor: ClientConstructor<C>,
  endpoint: Endpoint,
  scheme: Scheme,
): Promise<Connection<C>> {
  const { address, serverName, tokenFile } = endpoint;
  const client = connect(Constructor, address, await tlsOf(endpoint), {
    ...{ maxReceiveBytes: MAX_RECEIVE_BYTES, keepalive: KEEPALIVE, serverName },
  });
  return {
    client,
    async headers() {
      if (!tokenFile) return {};
      return { authorization: scheme((await read('token', tokenFile)).toString().trim()) };
    },
    close: () => client.close(),
  };
}

async function tlsOf({ address, ca, cert, key, insecure }: Endpoint): Promise<ClientTls | undefined> {
  if (!ca) {
    if (insecure && !cert && !key) return undefined;
    throw fail(remoteErrors.INSECURE, { peer: address, how: 'insecure' });
  }
  return {
    ca: await read('CA certificate', ca),
    ...(cert ? { cert: await read('certificate', cert) } : {}),
    ...(key ? { key: await read('key', key) } : {}),
  };
}

async function read(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw fail(remoteErrors.FILE_UNREADABLE, { what, path, reason: messageOf(cause) }, { cause });
  }
}
