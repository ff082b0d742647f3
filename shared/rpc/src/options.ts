import type { ChannelOptions } from '@grpc/grpc-js';

/** gRPC's usual receive limit. */
export const DEFAULT_MAX_RECEIVE_BYTES = 4 * 1024 * 1024;

/** When a connection is probed, in milliseconds. */
export interface Keepalive {
  /** Ping after this long without traffic. */
  readonly timeMs: number;
  /** A peer that does not answer a ping within this is gone. */
  readonly timeoutMs: number;
  /** Client only: no pings between calls, which some servers answer by closing the connection. */
  readonly duringCallsOnly?: boolean;
  /** Server only: connections without any call are closed after this. */
  readonly maxIdleMs?: number;
}

/** Notify connections, server side (controller spec section 17.1). */
export const NOTIFY_SERVER_KEEPALIVE: Keepalive = { timeMs: 30_000, timeoutMs: 30_000, maxIdleMs: 90_000 };
/** Notify connections, client side. */
export const NOTIFY_CLIENT_KEEPALIVE: Keepalive = { timeMs: 30_000, timeoutMs: 30_000 };

export interface TransportOptions {
  /** Largest message accepted, bytes; default 4 MiB. A larger one fails its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes?: number;
  readonly keepalive?: Keepalive;
}

/** The same as grpc-js channel and server options. */
export function channelOptions(options: TransportOptions): ChannelOptions {
  const { keepalive } = options;
  return {
    'grpc.max_receive_message_length': options.maxReceiveBytes ?? DEFAULT_MAX_RECEIVE_BYTES,
    'grpc.max_send_message_length': -1,
    ...(keepalive && {
      'grpc.keepalive_time_ms': keepalive.timeMs,
      'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
      'grpc.keepalive_permit_without_calls': keepalive.duringCallsOnly ? 0 : 1,
    }),
    ...(keepalive?.maxIdleMs !== undefined && { 'grpc.max_connection_idle_ms': keepalive.maxIdleMs }),
  };
}
