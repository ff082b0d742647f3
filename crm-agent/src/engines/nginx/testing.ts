import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRandom } from '@edgeplane/base';
import * as assert from 'uvu/assert';
import type { NginxSettings } from './config.js';
import { LoadBalancer } from './load-balancer.js';
import { membersIn } from './members.js';
import type { Backend, PublicService } from './public-service.js';

/** Helpers for tests of the load balancer. */

export const LOCAL = '127.0.0.1';

export function testService(
  name: string,
  port: number,
  over: Partial<Omit<PublicService, 'backends'>> & { readonly backends?: readonly (number | Backend)[] } = {},
): PublicService {
  const backends = (over.backends ?? []).map((b) =>
    typeof b === 'number' ? { address: LOCAL, port: b } : b,
  );
  return { name, proto: 'tcp', address: LOCAL, port, pathPrefix: '', ...over, backends };
}

/** A load balancer with a folder of its own that ends, with all of it, after the work. */
export async function withBalancer(
  work: (balancer: LoadBalancer, open: () => Promise<LoadBalancer>, dir: string) => Promise<void>,
  tls?: NginxSettings['tls'],
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'edgeplane-lb-'));
  const opened: LoadBalancer[] = [];
  const open = async () => {
    const balancer = await LoadBalancer.open({
      ...{ stateDir: dir, clock: systemClock, random: systemRandom, logger: silentLogger, tls },
    });
    opened.push(balancer);
    return balancer;
  };
  try {
    await work(await open(), open, dir);
  } finally {
    for (const balancer of opened) await balancer.stop('keep');
    await opened.at(-1)?.stop('stop');
  }
  const left = await membersIn(dir);
  rmSync(dir, { recursive: true, force: true });
  assert.equal(left, []);
}
