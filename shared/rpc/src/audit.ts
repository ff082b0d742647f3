import { type Clock, EdgeplaneError, type Logger, messageOf, systemClock } from '@edgeplane/base';
import { type Redacted, redact, withoutSecrets } from './secrets.js';

const SECRET = /^(pass|secret|token|auth_?token|session_?cookie|private_?key)|password|passhash/i;
const LONGEST_TEXT = 256;
const LONGEST_LIST = 20;
const DEEPEST = 8;

/** The start or the end of an audited call, without secrets. */
export type AuditRecord = AuditCall & (AuditStart | AuditEnd);

export interface AuditCall {
  /** Start and end share it. */
  readonly id: number;
  /** Method name. */
  readonly cmd: string;
  /** Address of the client, `ip:port`. */
  readonly client: string;
  readonly user: string;
}

export interface AuditStart {
  readonly phase: 'start';
  /** As {@link loggable} shows it. */
  readonly request: unknown;
}

export interface AuditEnd {
  readonly phase: 'end';
  /** Text and stable code of the failure; undefined after a success. */
  readonly error: { readonly text: string; readonly code: string } | undefined;
  readonly durationMs: number;
}

export interface AuditLogOptions {
  readonly clock?: Clock;
  /** Gets every record, too. Must neither wait nor throw. */
  readonly sink?: (record: AuditRecord) => void;
  /** Which methods are audited, by path; default all but those that only show. */
  readonly covers?: (path: string) => boolean;
  /** What of a request may be logged; default all but what the protos mark as secret. */
  readonly redact?: (path: string, request: unknown) => Redacted;
}

/**
 * Two records per audited call, joined by an id (controller spec section 1.4). Ids start at 1 and are counted per
 * instance; a process gives one instance to all its servers.
 */
export class AuditLog {
  readonly #clock: Clock;
  readonly #sink: (record: AuditRecord) => void;
  readonly #redact: (path: string, request: unknown) => Redacted;
  /** Whether calls of this method, `/<service>/<method>`, are audited. */
  readonly covers: (path: string) => boolean;
  #last = 0;

  constructor(options: AuditLogOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#sink = options.sink ?? (() => undefined);
    this.#redact = options.redact ?? redact;
    this.covers = options.covers ?? isAudited;
  }

  /** Logs the start of a call; the returned function logs its end. `path` is `/<service>/<method>`. */
  start(
    logger: Logger,
    path: string,
    client: string,
    user: string,
    request: unknown,
  ): (error?: unknown) => void {
    this.#last += 1;
    const began = this.#clock.monotonic();
    const call: AuditCall = { id: this.#last, cmd: path.slice(path.lastIndexOf('/') + 1), client, user };
    const { id, cmd } = call;
    const { shown, secrets } = this.#redact(path, request);
    const req = loggable(shown);
    logger.info({ ...call, req }, 'Audit start');
    this.#sink({ ...call, phase: 'start', request: req });
    return (error) => {
      const durationMs = Math.round(this.#clock.monotonic() - began);
      if (error === undefined) {
        logger.info({ id, cmd, result: 'success', ms: durationMs }, 'Audit end');
        this.#sink({ ...call, phase: 'end', error: undefined, durationMs });
        return;
      }
      const text = withoutSecrets(messageOf(error), secrets);
      const code = error instanceof EdgeplaneError ? error.code : '';
      // Not `msg`, as in the spec: that is the logger's own member, and a line with two of them loses the first.
      const facts = { id, cmd, result: 'failure', error: text, ...(code !== '' && { code }), ms: durationMs };
      logger.info(facts, 'Audit end');
      this.#sink({ ...call, phase: 'end', error: { text, code }, durationMs });
    };
  }
}

/** Whether calls of this method are audited: all but those that only show. */
export function isAudited(path: string): boolean {
  return !path.slice(path.lastIndexOf('/') + 1).startsWith('Show');
}

/** A request cut to what a log line can hold: no unset members, no secrets, bounded texts, lists and depth. */
export function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string')
    return value.length > LONGEST_TEXT
      ? `${value.slice(0, LONGEST_TEXT)}... (${value.length} characters)`
      : value;
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return `(${value.length} bytes)`;
  if (value instanceof Date) return value;
  if (depth >= DEEPEST) return '...';
  if (Array.isArray(value)) {
    const shown = value.slice(0, LONGEST_LIST).map((item) => loggable(item, depth + 1));
    return value.length > LONGEST_LIST ? [...shown, `... (${value.length} items)`] : shown;
  }
  const members = Object.entries(value)
    .filter(([, member]) => !isUnset(member))
    .map(([name, member]) => [name, SECRET.test(name) ? '[hidden]' : loggable(member, depth + 1)]);
  return Object.fromEntries(members);
}

function isUnset(value: unknown): boolean {
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return value === undefined || value === '' || value === 0 || value === 0n || value === false;
}
