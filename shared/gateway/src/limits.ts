/** Bounds of what callers may use. */
export interface GatewayLimits {
  /** Longest request body. */
  readonly bodyBytes: number;
  /** A client has this long to send a whole request, milliseconds. */
  readonly requestMs: number;
  /** Connections at a time; more are closed as they come. 0: any number. */
  readonly connections: number;
  /** Requests of one IP address that are under way at a time; more are refused. 0: any number. */
  readonly perAddress: number;
  /**
   * A connection on which nothing moves for this long while it has a request is closed, milliseconds: its client does not
   * read. Answers that stream are let be. 0: never.
   */
  readonly stalledMs: number;
}

/** The body as in gRPC, and slow clients in any number: for callers that are known. */
export const DEFAULT_LIMITS: GatewayLimits = {
  bodyBytes: 4 * 1024 * 1024,
  requestMs: 30_000,
  connections: 0,
  perAddress: 0,
  stalledMs: 0,
};
