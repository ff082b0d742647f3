import { constants, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fail, isThere } from '@edgeplane/base';
import type { NginxSettings } from './config.js';
import { nginxErrors } from './errors.js';

/** Where Debian puts them. */
const PLACES = {
  nginx: '/usr/sbin/nginx',
  streamModule: '/usr/lib/nginx/modules/ngx_stream_module.so',
};

/** More workers than this help only where traffic is all that a host does. */
const MOST_WORKERS = 4;
const MOST_FILES = 65_536;

export interface NginxPrograms {
  readonly nginx: string;
  readonly settings: Omit<NginxSettings, 'tls'>;
}

/** What there is of nginx here, and how it is to be set up on this host. @throws NGINX_NOT_INSTALLED naming packages */
export async function findNginx({ nginx, streamModule } = PLACES): Promise<NginxPrograms> {
  const missing = [
    ...((await isThere(nginx, constants.X_OK)) ? [] : ['nginx']),
    ...((await isThere(streamModule, constants.R_OK)) ? [] : ['libnginx-mod-stream']),
  ];
  if (missing.length > 0) throw fail(nginxErrors.NGINX_NOT_INSTALLED, { packages: missing.join(', ') });
  return {
    nginx,
    settings: {
      streamModule,
      workers: Math.max(1, Math.min(MOST_WORKERS, cpus().length)),
      openFiles: hardFileLimit(await readFile('/proc/self/limits', 'utf8')),
      root: process.geteuid?.() === 0,
    },
  };
}

/** How many files a process may open when it asks for as many as it may, from the text of /proc/self/limits. */
export function hardFileLimit(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  const number = hard === 'unlimited' ? MOST_FILES : Number(hard);
  return Number.isInteger(number) && number > 0 ? Math.min(MOST_FILES, number) : 1024;
}
