import { join } from 'node:path';

/** Where one nginx keeps its things: all below one folder, which is also its working directory and so its mark. */
export interface NginxLayout {
  readonly dir: string;
  /** The configuration that is in force, or the last that was. */
  readonly config: string;
  /** One that is being tried. */
  readonly candidate: string;
  /** What the configuration is made from. */
  readonly services: string;
  /** What the master says. */
  readonly log: string;
  /** What went wrong with connections. */
  readonly trafficLog: string;
  /** Folders that nginx wants to be there. */
  readonly temporary: string;
}

export function nginxLayout(dir: string): NginxLayout {
  return {
    dir,
    config: join(dir, 'nginx.conf'),
    candidate: join(dir, 'nginx.conf.next'),
    services: join(dir, 'services.json'),
    log: join(dir, 'nginx.log'),
    trafficLog: join(dir, 'traffic.log'),
    temporary: join(dir, 'tmp'),
  };
}
