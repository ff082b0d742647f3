import { EdgeplaneError, messageOf } from './errors.js';
import { type FlagSpec, helpText } from './flags.js';
import type { Logger } from './logger.js';

/** Anything long-lived that a `main` runs. */
export interface Service {
  start(): Promise<void>;
  /** Stops everything the service started; safe to call more than once, and before `start` has ended. */
  stop(): Promise<void>;
  /** Where it listens, once started: name of the listener to host:port. Part of the `Ready` line. */
  readonly addresses?: Readonly<Record<string, string>>;
}

export interface ProgramOptions {
  readonly name: string;
  readonly about: string;
  readonly version: string;
  readonly flags: Readonly<Record<string, FlagSpec>>;
  /** Reads the command line and builds the service; nothing is started yet. */
  create(argv: readonly string[]): { service: Service; logger: Logger };
}

/**
 * The whole of a server's `main`: `--help`, `--version`, start, one `Ready` log line, stop on SIGINT or SIGTERM.
 * Exit status: 0 after a clean stop, 1 when starting or running fails, 2 for a wrong command line.
 */
export async function runProgram(options: ProgramOptions, argv: readonly string[]): Promise<void> {
  if (argv.some((a) => /^--?(help|h)$/.test(a))) {
    process.stdout.write(helpText(options.name, options.about, options.flags));
    return;
  }
  if (argv.some((a) => /^--?version$/.test(a))) {
    process.stdout.write(`${options.name} ${options.version}\n`);
    return;
  }
  let created: { service: Service; logger: Logger };
  try {
    created = options.create(argv);
  } catch (error) {
    process.stderr.write(`${options.name}: ${messageOf(error)}\n`);
    process.exitCode = exitStatusOf(error);
    return;
  }
  const { service, logger } = created;
  let stopping: Promise<void> | undefined;
  const stop = (signal: string) => {
    if (stopping) return;
    logger.info({ signal }, 'Stopping');
    stopping = service.stop().then(
      () => {
        logger.info('Stopped');
        process.exit(process.exitCode ?? 0);
      },
      (error: unknown) => {
        logger.error({ err: error }, 'Stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  try {
    await service.start();
    if (!stopping) logger.info(service.addresses ? { addresses: service.addresses } : {}, 'Ready');
  } catch (error) {
    if (stopping) return;
    logger.fatal({ err: error }, messageOf(error));
    process.stderr.write(`${options.name}: ${messageOf(error)}\n`);
    process.exitCode = exitStatusOf(error);
    stop('failed start');
  }
}

/** What a user gave wrongly is a wrong command line, whenever it is noticed. */
function exitStatusOf(error: unknown): number {
  return error instanceof EdgeplaneError && error.status === 'INVALID_ARGUMENT' ? 2 : 1;
}
