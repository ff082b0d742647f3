import { type DestinationStream, type Logger, pino } from 'pino';
import { areaOf, DEBUG_AREAS, DebugAreas, type ParsedAreas, withAreas } from './debug-areas.js';

export type { Logger } from 'pino';

/** Members whose values never reach a log line, down to {@link DEEPEST} levels below the top. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set([
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
  // Session descriptions of remote shells: whoever has one could take the other end's place.
  'offer',
  'answer',
]);
const DEEPEST = 2;
/** pino's number of the level `debug`. */
const DEBUG = 20;

export interface LoggerOptions {
  readonly name: string;
  /** pino level; default `info`, or `debug` with {@link debug}. */
  readonly level?: string;
  /** Which debug lines are written: those of loggers in one of these areas, and no others. */
  readonly debug?: DebugAreas;
  /** Where lines go; default standard error, so that standard output stays free for results. */
  readonly destination?: DestinationStream;
}

/** A JSON-lines logger that hides secrets. */
export function createLogger(options: LoggerOptions): Logger {
  const { debug } = options;
  const logger = pino(
    {
      name: options.name,
      level: options.level ?? (debug ? 'debug' : 'info'),
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      // Also of child loggers, whose own members the formatter does not see.
      redact: { paths: [...SECRET_MEMBERS], censor: '[hidden]' },
      ...(debug && {
        hooks: {
          logMethod(args, method, level) {
            const area = level <= DEBUG ? areaOf(this) : undefined;
            if (level > DEBUG || (area !== undefined && debug.has(area))) method.apply(this, args);
          },
        },
      }),
      formatters: {
        level: (label) => ({ level: label }),
        log: (members) => hidden(members, DEEPEST),
      },
    },
    // Not in step with the reader of the lines: a slow one must not hold up the process. What waits is written at exit.
    options.destination ?? pino.destination({ dest: 2, sync: false }),
  );
  return debug ? withAreas(logger, debug) : logger;
}

/**
 * The logger of a program with its `-d` flag, and the areas to switch while it runs. Names that are no areas are told, and
 * no reason not to start (controller spec section 1.1).
 */
export function debugLogger(
  name: string,
  { areas: enabled, unknown }: ParsedAreas,
): { readonly logger: Logger; readonly areas: DebugAreas } {
  const areas = new DebugAreas();
  areas.enable(enabled);
  const logger = createLogger({ name, debug: areas });
  if (unknown.length > 0) logger.warn({ unknown, known: DEBUG_AREAS }, 'Debug levels that do not exist');
  return { logger, areas };
}

/**
 * The members of a log line without the values of secret ones; the same object when there are none. (Done here, because
 * pino's own redaction of wildcards takes longer than the rest of a line.)
 */
function hidden<T extends object>(members: T, depth: number): T {
  const changed = Object.entries(members).flatMap(([name, value]) => {
    const shown = shownValue(name, value, depth);
    return shown === value ? [] : [[name, shown] as const];
  });
  if (changed.length === 0) return members;
  return Object.assign(
    Array.isArray(members) ? [...members] : { ...members },
    Object.fromEntries(changed),
  ) as T;
}

function shownValue(name: string, value: unknown, depth: number): unknown {
  if (SECRET_MEMBERS.has(name)) return '[hidden]';
  return depth > 0 && isPlain(value) ? hidden(value, depth - 1) : value;
}

/** An object that is logged member by member; errors have a serializer. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

/** A logger that says nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
