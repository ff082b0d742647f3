export { formatAddress, type HostPort, parseAddress } from './address.js';
export type { Admit, Caller } from './admit.js';
export { AuditLog, type AuditLogOptions, type AuditRecord, loggable } from './audit.js';
export {
  type CallControl,
  type ClientConstructor,
  type ClientTransportOptions,
  callStream,
  callStreamMethod,
  callUnary,
  callUnaryMethod,
  connect,
  type RequestOf,
  type ResponseOf,
  type RpcClient,
  type StreamName,
  type UnaryName,
} from './client.js';
export { CONNECTION_METRICS, observeConnections } from './connection-metrics.js';
export {
  certificateIdentity,
  FORWARDED_FOR,
  GATEWAY_TOKEN,
  type PeerIdentity,
  peerIdentity,
  type RpcContext,
} from './context.js';
export { debugApi } from './debug-api.js';
export { type EncodedMessage, type EncodedStreamFunction, encodedStream, frameOf } from './encoded-stream.js';
export { rpcErrors } from './errors.js';
export type { ConnectionCounters, ConnectionLimits } from './guarded-listener.js';
export {
  type Authorize,
  type BidiStreamFunction,
  bidiStream,
  type Send,
  type ServerStreamFunction,
  serverStream,
  type UnaryFunction,
  unary,
} from './handler.js';
export { type MessageStream, messageStream } from './message-stream.js';
export { type MetricsListener, type MetricsListenerOptions, serveMetrics } from './metrics-listener.js';
export {
  DEFAULT_MAX_RECEIVE_BYTES,
  type Keepalive,
  NOTIFY_CLIENT_KEEPALIVE,
  NOTIFY_SERVER_KEEPALIVE,
  type TransportOptions,
} from './options.js';
export { coreDescriptorSet } from './reflection.js';
export { type KeyPair, ReplaceableCredentials } from './replaceable-credentials.js';
export type { Redacted } from './secrets.js';
export { RpcServer, type RpcServerOptions, type ServiceHandlers, type ServiceOptions } from './server.js';
export { fromServiceError, toServiceError, type WireError } from './service-error.js';
export {
  type ClientTls,
  certificateFingerprint,
  clientCredentials,
  loadTls,
  serverCredentials,
  type TlsMaterial,
} from './tls.js';
export { unixPath } from './unix-socket.js';
