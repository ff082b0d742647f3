import { EdgeplaneError, type Logger, messageOf } from '@edgeplane/base';

const SECRET = /^(pass|secret|token|auth_?token|session_?cookie|private_?key)|password|passhash/i;
const LONGEST_TEXT = 256;
const LONGEST_LIST = 20;
const DEEPEST = 8;

/**
 * Two records per audited call, joined by an id (controller spec section 1.4). Ids start at 1 and are counted per
 * instance; a process gives one instance to all its servers.
 */
export class AuditLog {
  #last = 0;

  /** Logs the start of a call; the returned function logs its end. `path` is `/<service>/<method>`. */
  start(
    logger: Logger,
    path: string,
    client: string,
    user: string,
    request: unknown,
  ): (error?: unknown) => void {
    this.#last += 1;
    const id = this.#last;
    const cmd = path.slice(path.lastIndexOf('/') + 1);
    logger.info({ id, cmd, client, user, req: loggable(request) }, 'Audit start');
    return (error) => {
      if (error === undefined) {
        logger.info({ id, cmd, result: 'success' }, 'Audit end');
        return;
      }
      const code = error instanceof EdgeplaneError ? { code: error.code } : {};
      // Not `msg`, as in the spec: that is the logger's own member, and a line with two of them loses the first.
      logger.info({ id, cmd, result: 'failure', error: messageOf(error), ...code }, 'Audit end');
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
