import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Members whose values never reach a log line, at the top level and one level down. */
const SECRET_MEMBERS = [
  'password',
  'passhash',
  'token',
  'secret',
  'auth_token',
  'authToken',
  'session_cookie',
  'sessionCookie',
  'docker_reg_pass',
  'cf_key',
  'openRcVars',
  'authorization',
];

export interface LoggerOptions {
  readonly name: string;
  /** pino level; default `info`. */
  readonly level?: string;
  /** Where lines go; default standard error, so that standard output stays free for results. */
  readonly destination?: DestinationStream;
}

/** A JSON-lines logger that hides secrets. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRET_MEMBERS.flatMap((m) => [m, `*.${m}`, `*.*.${m}`]), censor: '[hidden]' },
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** A logger that says nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
