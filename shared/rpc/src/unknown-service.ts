import { type Server, type ServerDuplexStream, status } from '@grpc/grpc-js';

interface HandlerTable {
  _retrieveHandler?: (path: string) => unknown;
}

/**
 * Answers calls of unknown methods with the texts of the reference: `unknown service <service>` and
 * `unknown method <method> for service <service>`, both UNIMPLEMENTED. grpc-js has no public way to set them, so its
 * handler look-up is wrapped; were it ever renamed, the library's own text would come back and the test would tell.
 */
export function answerUnknownServices(server: Server, hasService: (name: string) => boolean): void {
  const table = server as unknown as HandlerTable;
  const original = table._retrieveHandler;
  if (typeof original !== 'function') return;
  table._retrieveHandler = (path) => original.call(server, path) ?? refusal(path, hasService);
}

function refusal(path: string, hasService: (name: string) => boolean): unknown {
  const [, service = '', method = ''] = path.split('/');
  const details = hasService(service)
    ? `unknown method ${method} for service ${service}`
    : `unknown service ${service}`;
  return {
    type: 'bidi',
    path,
    serialize: () => Buffer.alloc(0),
    deserialize: () => undefined,
    func: (call: ServerDuplexStream<unknown, unknown>) =>
      call.emit('error', { code: status.UNIMPLEMENTED, details }),
  };
}
