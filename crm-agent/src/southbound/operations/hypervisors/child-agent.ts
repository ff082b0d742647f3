import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { fileURLToPath } from 'node:url';
import { loadTls, type TlsMaterial } from '@edgeplane/rpc';
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
      ...(settings.tls === '' ? [] : ['--tls', settings.tls]),
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
  /** Connected to a controller. */
  readonly registered: boolean;
  readonly runningInstances: number | undefined;
}

const ASK_MS = 5000;

/** @param tls its certificate file; empty: it speaks plain HTTP. @throws when it does not answer in time */
export async function askChild(address: string, tls: string, signal: AbortSignal): Promise<ChildHealth> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
  const material = tls === '' ? undefined : loadTls(tls);
  const health = await getText(address, '/healthz', material, limited);
  const metrics = (await getText(address, '/metrics', material, limited)).text;
  const instances = /^edgeplane_objects\{[^}]*type="AppInst"[^}]*\} (\d+)/m.exec(metrics);
  return {
    trouble: health.status === 200 ? undefined : health.text.trim() || `status ${health.status}`,
    registered: /^edgeplane_notify_link\{state="(connected|synced)"\} 1$/m.test(metrics),
    runningInstances: instances ? Number(instances[1]) : undefined,
  };
}

async function getText(
  address: string,
  path: string,
  tls: TlsMaterial | undefined,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  // Its certificate is of our own CA, and has the names by which others reach it.
  const request = tls
    ? httpsGet(`https://${address}${path}`, {
        ...tls,
        checkServerIdentity: () => undefined,
        agent: false,
        signal,
      })
    : httpGet(`http://${address}${path}`, { agent: false, signal });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  return { status: response.statusCode ?? 0, text };
}
