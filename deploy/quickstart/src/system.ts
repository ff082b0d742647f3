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
}

/** Everything that the quickstart runs, in the order it was started. */
export interface System {
  readonly addresses: Addresses;
  readonly processes: readonly Launched[];
  /** Stops in reverse order; each process is waited for. */
  stop(): Promise<void>;
}

const WELL_KNOWN: Addresses = { api: '127.0.0.1:55001', notify: '127.0.0.1:50001', dme: '127.0.0.1:50051' };

async function chooseAddresses(ports: string): Promise<Addresses> {
  if (ports === 'well-known') return WELL_KNOWN;
  const free = async () => `127.0.0.1:${await freePort()}`;
  return { api: await free(), notify: await free(), dme: await free() };
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
  /** Whether a site does real work. */
  readonly isReal: (site: Site) => boolean;
}

/** Starts controller, match engine and one agent per site; when one fails, those that run are stopped again. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { settings, stateDir } = options;
  const addresses = await chooseAddresses(settings.ports);
  const processes: Launched[] = [];
  const stop = async () => {
    for (const process of [...processes].reverse()) await process.stop(60_000);
  };
  const run = async (program: string, name: string, args: readonly string[]) => {
    const command = join(options.root, 'bin', program);
    const child = launch({ name, command, args, cwd: stateDir, logFile: join(stateDir, `${name}.log`) });
    processes.push(child);
    return child.ready;
  };
  try {
    await run('controller', 'controller', [
      ...['--store', `lmdb:${join(stateDir, 'store')}`, '--root-domain', ROOT_DOMAIN],
      ...['--apiAddr', addresses.api, '--notifyAddr', addresses.notify],
    ]);
    await run('dme', 'dme', [
      ...['--apiAddr', addresses.dme, '--notifyAddrs', addresses.notify, '--scaleID', 'quickstart'],
      ...[
        '--cloudletKey',
        cloudletKey(SITES[0]?.name ?? ''),
        '--cookie-key-file',
        join(stateDir, 'cookie-keys.json'),
      ],
    ]);
    await Promise.all(
      SITES.map((site) => run('crm-agent', `agent-${site.name}`, agentArgs(options, addresses, site))),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses, processes, stop };
}

function agentArgs(options: SystemOptions, addresses: Addresses, site: Site): string[] {
  return [
    ...[
      '--platform',
      options.isReal(site) ? 'local' : 'fakecloudlet',
      '--cloudletKey',
      cloudletKey(site.name),
    ],
    ...['--notifyAddrs', addresses.notify, '--controller', addresses.api, '--apiAddr', '127.0.0.1:0'],
    ...['--state-dir', join(options.stateDir, `agent-${site.name}`), '--image-dir', options.imageDir],
    ...['--public-addr', publicAddress(options.settings, site), '--on-stop', 'stop'],
  ];
}

function cloudletKey(name: string): string {
  return JSON.stringify({ operator_key: { name: OPERATOR }, name });
}
