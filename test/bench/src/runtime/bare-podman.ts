import { join } from 'node:path';
import { runCommand } from '@edgeplane/test-harness';

/** The command line of podman on the storage, networks and settings of one of an agent's engines, whose folder is `state`. */
export async function barePodman(state: string, args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    HOME: state,
    CONTAINERS_CONF: join(state, 'podman', 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(state, 'podman', 'storage.conf'),
  };
  const done = await runCommand('podman', args, { env, timeoutMs: 60_000 });
  if (done.code !== 0) throw new Error(`podman ${args.join(' ')}: ${done.stderr.slice(-500)}`);
  return done.stdout.trim();
}
