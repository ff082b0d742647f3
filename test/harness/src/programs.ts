import { mkdtempSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Launched, launch } from '@edgeplane/base';
import { type Wrapped, withoutPrograms } from './without-programs.js';

/** The repository. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

export type ProgramName =
  | 'controller'
  | 'crm-agent'
  | 'dme'
  | 'edgeplane-relay'
  | 'edgectl'
  | 'loc-api-sim'
  | 'tok-srv-sim';

/** A running program with the addresses of its `Ready` line. */
export interface Running extends Launched {
  readonly addresses: Readonly<Record<string, string>>;
}

/** Starts one of the programs in `bin`, as `wrap` says, and waits until it is ready. @throws Error with its last words. */
export async function startProgram(
  program: ProgramName,
  args: readonly string[],
  dir: string,
  name: string = program,
  wrap: (program: Wrapped) => Wrapped = (itself) => itself,
): Promise<Running> {
  const child = launch({
    name,
    ...wrap({ command: join(ROOT, 'bin', program), args }),
    cwd: dir,
    logFile: join(dir, `${name}.log`),
  });
  const ready = await child.ready;
  return { ...child, addresses: (ready['addresses'] as Record<string, string> | undefined) ?? {} };
}

/** Key JSON of a cloudlet, as the `--cloudletKey` flag takes it. */
export function cloudletKeyArg(operator: string, name: string): string {
  return JSON.stringify({ operator_key: { name: operator }, name });
}

/** Starts a controller on free ports. `store` as for `--store`. */
export function startController(
  dir: string,
  store: string,
  args: readonly string[] = [],
  name = 'controller',
): Promise<Running> {
  const ports = ['--apiAddr', '127.0.0.1:0', '--notifyAddr', '127.0.0.1:0', '--httpAddr', '127.0.0.1:0'];
  return startProgram('controller', ['--store', store, ...ports, ...args], dir, name);
}

/** Starts an agent; its state is below `dir`. `without` are files that the host is to lack, such as `/usr/bin/podman`. */
export function startAgent(
  dir: string,
  notify: string,
  cloudlet: { readonly operator: string; readonly name: string },
  args: readonly string[] = [],
  without: readonly string[] = [],
): Promise<Running> {
  const wrap = (program: Wrapped) =>
    without.length === 0 ? program : withoutPrograms(`${state}-host`, without, program);
  const key = cloudletKeyArg(cloudlet.operator, cloudlet.name);
  const state = join(dir, `agent-${cloudlet.name}`);
  return startProgram(
    'crm-agent',
    [
      '--notifyAddrs',
      notify,
      '--cloudletKey',
      key,
      '--apiAddr',
      '127.0.0.1:0',
      '--state-dir',
      state,
      ...args,
    ],
    dir,
    `agent-${cloudlet.name}`,
    wrap,
  );
}

/** Starts a notify relay at a fixed address. */
export function startRelay(
  dir: string,
  name: string,
  listen: string,
  above: string,
  args: readonly string[] = [],
): Promise<Running> {
  const flags = ['--notify-addrs', above, '--notify-listen', listen, '--name', name];
  return startProgram('edgeplane-relay', [...flags, ...args], dir, `relay-${name}`);
}

/** Starts a match engine. */
export function startDme(dir: string, notify: string, args: readonly string[] = []): Promise<Running> {
  const key = cloudletKeyArg('op', 'dme-home');
  const keys = join(dir, 'cookie-keys.json');
  const tables = mkdtempSync(join(dir, 'dme-tables-'));
  return startProgram(
    'dme',
    [
      '--notifyAddrs',
      notify,
      '--cloudletKey',
      key,
      '--apiAddr',
      '127.0.0.1:0',
      '--httpAddr',
      '127.0.0.1:0',
      '--cookie-key-file',
      keys,
      '--state-dir',
      tables,
      ...args,
    ],
    dir,
  );
}
