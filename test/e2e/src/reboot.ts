import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, hostSnapshot, runCommand } from '@edgeplane/test-harness';

/** Supervisors of the containers of a folder: process id and container id. */
export async function containers(folder: string): Promise<{ pid: string; id: string }[]> {
  const { processes } = await hostSnapshot(folder);
  return processes.flatMap((line) => {
    const [, pid, id] = /^(\d+) \S*conmon .*?-c ([0-9a-f]{64})/.exec(line) ?? [];
    return pid !== undefined && id !== undefined ? [{ pid, id }] : [];
  });
}

/** What the end of a host does to what runs there for a folder, and to network interfaces. */
export async function reboot(folder: string, interfaces: readonly string[] = []): Promise<void> {
  const { processes } = await hostSnapshot(folder);
  const runDir = /\/run\/edgeplane\/podman-[0-9a-f]+/.exec(processes.join('\n'))?.[0] ?? '';
  // Containers first, so that nobody sees them end.
  for (const { pid } of await containers(folder)) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    for (const each of [pid, ...children]) kill(Number(each));
  }
  for (const line of (await hostSnapshot(folder)).processes) kill(Number.parseInt(line, 10));
  await eventually('nothing runs', async () => (await hostSnapshot(folder)).processes.length === 0);
  for (const name of interfaces) await runCommand('ip', ['link', 'delete', name]);
  // By this the agent tells that what is there is of another life of the host.
  writeFileSync(join(runDir, 'boot-id'), 'another');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
