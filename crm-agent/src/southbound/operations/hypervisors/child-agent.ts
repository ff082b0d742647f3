import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ProcessSettings } from '../inventory.js';

/** How a child agent is started. */
export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** The command line of a child agent. Its Cloudlet has the operator of ours and the hypervisor's id as its name. */
export function childCommand(
  id: string,
  settings: ProcessSettings,
  stateDir: string,
  cloudletKeyJson: string,
): ChildCommand {
  const key = { ...(JSON.parse(cloudletKeyJson) as object), name: id };
  // This module is three folders below the agent's main one, as source and as built.
  const main = new URL(
    import.meta.url.endsWith('.ts') ? '../../../main.ts' : '../../../main.js',
    import.meta.url,
  );
  return {
    command: process.execPath,
    args: [
      ...process.execArgv,
      fileURLToPath(main),
      ...['--cloudlet-key', JSON.stringify(key), '--platform', settings.platform],
      ...[
        '--notify-addrs',
        settings.notifyAddrs,
        '--api-addr',
        '127.0.0.1:0',
        '--metrics-addr',
        '127.0.0.1:0',
      ],
      // When it is taken down, nothing of it stays.
      ...['--on-stop', 'stop', ...settings.args, '--state-dir', stateDir],
    ],
  };
}

/** True for the command line of an agent with that state directory. */
export function isChildOf(args: readonly string[], stateDir: string): boolean {
  return args.at(-2) === '--state-dir' && args.at(-1) === stateDir;
}

/** Where a child agent serves its health, from its log; undefined as long as it has not said that it is ready. */
export async function healthAddress(logFile: string, pid: number): Promise<string | undefined> {
  const lines = (await readFile(logFile, 'utf8').catch(() => '')).split('\n');
  for (const line of lines.reverse()) {
    if (!line.includes('"Ready"')) continue;
    const record = parsed(line);
    if (record?.['pid'] !== pid || record['msg'] !== 'Ready') continue;
    const address = (record['addresses'] as Record<string, unknown> | undefined)?.['metrics'];
    return typeof address === 'string' ? address : undefined;
  }
  return undefined;
}

/** The last words of a child agent, for people. */
export async function lastWords(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
  const said = lines.filter((line) => line !== '' && !line.startsWith('{'));
  // An agent says its name with what it complains about; what comes after a trace of Node's is its version.
  const plain = said.findLast((line) => /^crm-agent: |Error\b/.test(line)) ?? said.at(-1);
  return plain ?? String(parsed(lines.at(-1) ?? '')?.['msg'] ?? 'it said nothing');
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** What a child agent says of itself. */
export interface ChildHealth {
  /** Why it is not ready; undefined when it is. */
  readonly trouble: string | undefined;
  readonly runningInstances: number | undefined;
}

const ASK_MS = 5000;

/** @throws when it does not answer in time */
export async function askChild(address: string, signal: AbortSignal): Promise<ChildHealth> {
  const control = { signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]) };
  const health = await fetch(`http://${address}/healthz`, control);
  const text = (await health.text()).trim();
  const metrics = await (await fetch(`http://${address}/metrics`, control)).text();
  const match = /^edgeplane_objects\{[^}]*type="AppInst"[^}]*\} (\d+)/m.exec(metrics);
  return {
    trouble: health.ok ? undefined : text || `status ${health.status}`,
    runningInstances: match ? Number(match[1]) : undefined,
  };
}
