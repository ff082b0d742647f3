/**
 * Errors are catalogue entries: a stable code, a text template, a gRPC status and whether a repeat may help.
 * Packages define their entries with {@link defineErrors}; the wire mapping in `@edgeplane/rpc` reads nothing else.
 */

/** gRPC status names (https://grpc.io/docs/guides/status-codes/), in number order 0..16. */
export const STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type StatusName = (typeof STATUS_NAMES)[number];

/** One entry of the error catalogue. `template` holds `{name}` placeholders, filled by {@link fail}. */
export interface ErrorKind {
  readonly code: string;
  readonly status: StatusName;
  readonly template: string;
  /** True when repeating the same call later may succeed without anybody changing anything. */
  readonly retryable: boolean;
}

/** Values for the placeholders of a template. */
export type ErrorParams = Readonly<Record<string, string | number | bigint | boolean>>;

/** An error a user may see. `message` is contract; `cause` is for the log and never leaves the process. */
export class EdgeplaneError extends Error {
  override readonly name = 'EdgeplaneError';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }

  get code(): string {
    return this.kind.code;
  }

  get status(): StatusName {
    return this.kind.status;
  }
}

type Definitions = Readonly<
  Record<string, readonly [StatusName, string] | readonly [StatusName, string, 'retryable']>
>;

/** Builds catalogue entries; the property name is the stable code. */
export function defineErrors<D extends Definitions>(definitions: D): { readonly [K in keyof D]: ErrorKind } {
  const entries = Object.entries(definitions).map(([code, [status, template, retryable]]) => [
    code,
    { code, status, template, retryable: retryable !== undefined },
  ]);
  return Object.fromEntries(entries) as { readonly [K in keyof D]: ErrorKind };
}

/** Fills a template. A placeholder without a value stays as it is, so that a mistake is visible. */
export function renderTemplate(template: string, params: ErrorParams = {}): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    return value === undefined ? whole : String(value);
  });
}

/** Makes the error of a catalogue entry. */
export function fail(kind: ErrorKind, params?: ErrorParams, options?: { cause?: unknown }): EdgeplaneError {
  return new EdgeplaneError(kind, renderTemplate(kind.template, params), options);
}

/** True when `error` is of that catalogue entry. */
export function isKind(error: unknown, kind: ErrorKind): error is EdgeplaneError {
  return error instanceof EdgeplaneError && error.kind.code === kind.code;
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
