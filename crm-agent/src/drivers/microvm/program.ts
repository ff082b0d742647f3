import { fail } from '@edgeplane/base';
import type { ImageConfig } from '../../engines/podman/index.js';
import { microvmErrors } from './errors.js';

/** What a guest runs, and as whom. */
export interface Program {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workDir: string;
  /** As an image names it: a user, a number, or either with a group after a colon; empty for root. */
  readonly user: string;
}

/** Where programs look for others when the image does not say. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The program of an image (OCI image specification, config), as container engines read it: a command takes the place of
 * the image's own and leaves its entry point; the App's environment comes over the image's.
 * @throws NO_PROGRAM
 */
export function programOf(
  image: string,
  config: ImageConfig,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Program {
  const own = command.length > 0 ? command : (config.Cmd ?? []);
  const argv = [...(config.Entrypoint ?? []), ...own];
  if (argv.length === 0) throw fail(microvmErrors.NO_PROGRAM, { image });
  const imageEnv = (config.Env ?? []).map((text) => {
    const at = text.indexOf('=');
    return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  });
  return {
    argv,
    env: { PATH, ...Object.fromEntries(imageEnv), ...env },
    workDir: config.WorkingDir || '/',
    user: config.User ?? '',
  };
}

/** What the guest is called. */
export interface GuestIdentity {
  readonly instanceId: string;
  readonly hostname: string;
}

/** A name that a shell takes; others cannot be set by one, and are known to no program either. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The shell script that the guest's init reads from its seed (deploy/images/microvm). Every value is one word of it. */
export function seedScript(program: Program, { instanceId, hostname }: GuestIdentity): string {
  const variables = Object.entries({
    ...program.env,
    HOSTNAME: hostname,
    EDGE_INSTANCE_ID: instanceId,
  }).filter(([name]) => VARIABLE.test(name));
  return `instance=${word(instanceId)}
hostname=${word(hostname)}
user=${word(program.user)}
program() {
  cd ${word(program.workDir)} || exit 126
${variables.map(([name, value]) => `  export ${name}=${word(value)}\n`).join('')}  exec ${program.argv.map(word).join(' ')}
}
`;
}

/** Text as one word of a shell; no text of a Unix program has a zero in it. */
function word(text: string): string {
  return `'${text.replaceAll('\0', '').replaceAll("'", `'\\''`)}'`;
}
