import { join } from 'node:path';
import { type Running, startAgent, tempDir } from '@edgeplane/test-harness';
import { SITE } from '../samples.js';

/** Nobody listens there: doors need no controller. */
const NO_CONTROLLER = '127.0.0.1:9';

export interface DoorsSite {
  /** A folder for whatever the bench needs. */
  readonly dir: string;
  /** The agent's. */
  readonly state: string;
  readonly agent: Running;
  /** Of a listener, by its name. */
  address(name: string): string;
}

/** Runs `work` with an agent, a process of its own, whose doors are opened by `flags`; its driver is the fake one. */
export async function withDoors<T>(
  flags: (dir: string) => readonly string[],
  work: (site: DoorsSite) => Promise<T>,
): Promise<T> {
  const dir = tempDir('bdoors');
  try {
    const args = ['--platform', 'fakecloudlet', '--on-stop', 'stop', ...flags(dir.path)];
    const agent = await startAgent(dir.path, NO_CONTROLLER, SITE, args);
    const address = (name: string) => {
      const found = agent.addresses[name];
      if (found === undefined) throw new Error(`the agent has no listener ${name}`);
      return found;
    };
    try {
      return await work({ dir: dir.path, state: join(dir.path, `agent-${SITE.name}`), agent, address });
    } finally {
      await agent.stop(120_000);
    }
  } finally {
    dir.remove();
  }
}
