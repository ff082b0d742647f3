import { EdgeplaneError, fail, messageOf } from '@edgeplane/base';
import {
  type CallControl,
  type ClientConstructor,
  callStream,
  callUnary,
  connect,
  type TlsMaterial,
} from '@edgeplane/rpc';
import { type Client, type Metadata, makeGenericClientConstructor } from '@grpc/grpc-js';
import { cliErrors } from './errors.js';
import type { Rpc } from './rpc-catalog.js';
import { SERVICE_DEFINITIONS } from './services.js';

/** Makes calls known only by name. Each failure is a CALL_FAILED with the server's text. */
export interface Caller {
  unary(rpc: Rpc, request: unknown): Promise<unknown>;
  stream(rpc: Rpc, request: unknown, metadata?: Metadata): AsyncIterable<unknown>;
  close(): void;
}

type UnaryByName = (client: Client, method: string, request: unknown) => Promise<unknown>;
type StreamByName = (
  client: Client,
  method: string,
  request: unknown,
  control: CallControl,
) => AsyncIterable<unknown>;

/** A caller of the server at `host:port`; nothing is dialled before the first call. */
export function openCaller(address: string, tls: TlsMaterial | undefined): Caller {
  const clients = new Map<string, Client>();
  const clientOf = ({ service }: Rpc): Client => {
    const known = clients.get(service);
    if (known) return known;
    const definition = SERVICE_DEFINITIONS.get(service);
    if (!definition) throw new Error(`no definition of ${service}`);
    const Constructor = makeGenericClientConstructor(definition, service);
    const client = connect(Constructor as unknown as ClientConstructor<Client>, address, tls);
    clients.set(service, client);
    return client;
  };
  const failed = (rpc: Rpc, error: unknown) => {
    // The library ends its text with an empty note.
    const text = messageOf(error).replace(/\.?\s*Resolution note:\s*$/, '');
    const down = error instanceof EdgeplaneError && error.status === 'UNAVAILABLE' && !text.includes(address);
    const reason = down ? `${text} (${address})` : text;
    return fail(cliErrors.CALL_FAILED, { rpc: rpc.name, reason }, { cause: error });
  };
  return {
    async unary(rpc, request) {
      try {
        return await (callUnary as unknown as UnaryByName)(clientOf(rpc), methodName(rpc), request);
      } catch (error) {
        throw failed(rpc, error);
      }
    },
    async *stream(rpc, request, metadata) {
      try {
        yield* (callStream as unknown as StreamByName)(clientOf(rpc), methodName(rpc), request, { metadata });
      } catch (error) {
        throw failed(rpc, error);
      }
    },
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}

/** Generated clients spell methods in camel case. */
function methodName({ name }: Rpc): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
