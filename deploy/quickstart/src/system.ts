import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Launched, launch } from '@edgeplane/base';
import { freePort } from './free-port.js';
import type { Settings } from './settings.js';
import { OPERATOR, ROOT_DOMAIN, SITES, type Site } from './sites.js';

/** Addresses of the running system, host:port. */
export interface Addresses {
  readonly api: string;
  readonly notify: string;
  readonly dme: string;
  /** REST of the match engine. */
  readonly dmeRest: string;
}

/** Everything that the quickstart runs, in the order it was started. */
export interface System {
  readonly addresses: Addresses;
  readonly processes: readonly Launched[];
  /** Whether a site does real work; decided by what its agent found on this host. */
  isReal(site: Site): boolean;
  /** Stops in reverse order; each process is waited for. */
  stop(): Promise<void>;
}

const WELL_KNOWN: Addresses = {
  api: '127.0.0.1:55001',
  notify: '127.0.0.1:50001',
  dme: '127.0.0.1:50051',
  dmeRest: '127.0.0.1:38001',
};

async function chooseAddresses(ports: string): Promise<Addresses> {
  if (ports === 'well-known') return WELL_KNOWN;
  const free = async () => `127.0.0.1:${await freePort()}`;
  return { api: await free(), notify: await free(), dme: await free(), dmeRest: await free() };
}

/** The loopback address that stands for a site's public address. */
export function publicAddress(settings: Settings, site: Site): string {
  return `${settings.publicNet}.${site.host}`;
}

export interface SystemOptions {
  readonly root: string;
  readonly stateDir: string;
  readonly imageDir: string;
  readonly settings: Settings;
  /** Whether a site shall do real work, if its agent finds that it can. */
  readonly wantReal: (site: Site) => boolean;
  readonly say: (text: string) => void;
}

/** Starts controller, match engine and one agent per site; when one fails, those that run are stopped again. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { settings, stateDir } = options;
  const addresses = await chooseAddresses(settings.ports);
  const processes: Launched[] = [];
  const real = new Set<Site>();
  const stop = async () => {
    for (const process of [...processes].reverse()) await process.stop(60_000);
  };
  const run = async (program: string, name: string, args: readonly string[]) => {
    const [command = '', ...rest] = [...TIED, join(options.root, 'bin', program), ...args];
    const child = launch({
      name,
      command,
      args: rest,
      cwd: stateDir,
      logFile: join(stateDir, `${name}.log`),
    });
    processes.push(child);
    await child.ready;
    return child;
  };
  const runAgent = async (site: Site) => {
    const name = `agent-${site.name}`;
    if (options.wantReal(site)) {
      const agent = await run('crm-agent', name, agentArgs(options, addresses, site, 'local'));
      const lacking = site.needs.filter((need) => !canDo(agent, need));
      if (lacking.length === 0) {
        real.add(site);
        return;
      }
      options.say(
        `site ${site.name}: simulated, since this host cannot run ${lacking.map((n) => MEANING[n]).join(' and ')}`,
      );
      options.say(`  why: ${join(stateDir, `${name}.log`)}`);
      processes.splice(processes.indexOf(agent), 1);
      await agent.stop();
    }
    await run('crm-agent', `${name}-simulated`, agentArgs(options, addresses, site, 'fakecloudlet'));
  };
  try {
    await run('controller', 'controller', [
      ...['--store', `lmdb:${join(stateDir, 'store')}`, '--root-domain', ROOT_DOMAIN],
      ...['--apiAddr', addresses.api, '--notifyAddr', addresses.notify, '--httpAddr', '127.0.0.1:0'],
    ]);
    await run('dme', 'dme', [
      ...['--apiAddr', addresses.dme, '--notifyAddrs', addresses.notify, '--scaleID', 'quickstart'],
      ...['--httpAddr', addresses.dmeRest],
      ...[
        '--cloudletKey',
        cloudletKey(SITES[0]?.name ?? ''),
        '--cookie-key-file',
        join(stateDir, 'cookie-keys.json'),
        '--state-dir',
        join(stateDir, 'dme-tables'),
      ],
    ]);
    await Promise.all(SITES.map(runAgent));
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses, processes, isReal: (site) => real.has(site), stop };
}

const MEANING = { podman: 'containers', qemu: 'virtual machines' } as const;

/** util-linux; every Debian has it. */
const SETPRIV = '/usr/bin/setpriv';
/** Ties a program to this process: should this one be killed, the kernel tells the other to stop. */
const TIED: readonly string[] = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'TERM'] : [];

/** What an agent has found out about its host, as its log tells. */
function canDo(agent: Launched, need: Site['needs'][number]): boolean {
  const record = agent
    .tail()
    .filter((line) => line.includes('"msg":"Driver ready"'))
    .map((line) => JSON.parse(line) as { containers?: boolean; vm?: boolean })
    .at(-1);
  return (need === 'podman' ? record?.containers : record?.vm) === true;
}

function agentArgs(
  options: SystemOptions,
  addresses: Addresses,
  site: Site,
  platform: 'local' | 'fakecloudlet',
): string[] {
  const state = platform === 'local' ? site.name : `${site.name}-simulated`;
  return [
    ...['--platform', platform, '--cloudletKey', cloudletKey(site.name)],
    ...['--notifyAddrs', addresses.notify, '--controller', addresses.api, '--apiAddr', '127.0.0.1:0'],
    ...['--state-dir', join(options.stateDir, `agent-${state}`), '--image-dir', options.imageDir],
    ...['--public-addr', publicAddress(options.settings, site), '--on-stop', 'stop'],
  ];
}

function cloudletKey(name: string): string {
  return JSON.stringify({ operator_key: { name: OPERATOR }, name });
}
