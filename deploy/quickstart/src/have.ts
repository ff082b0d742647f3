import { existsSync } from 'node:fs';
import type { Site } from './sites.js';

const PROGRAMS = {
  podman: ['/usr/bin/podman', '/usr/bin/catatonit', '/bin/busybox'],
  qemu: ['/usr/bin/qemu-system-x86_64', '/usr/bin/qemu-img'],
} as const;

/** Whether this host has what the site needs for real work. */
export function haveFor(site: Site): boolean {
  return site.needs.every((need) => PROGRAMS[need].every((program) => existsSync(program)));
}
