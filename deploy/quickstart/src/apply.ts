import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Clock, sleep } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { CloudletInfoApiClient, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { callStream, connect } from '@edgeplane/rpc';
import { SITES } from './sites.js';

const AGENTS_DEADLINE_MS = 120_000;

/** Waits until the controller knows every site as ready for work. */
export async function waitForSites(clock: Clock, api: string): Promise<void> {
  const client = connect(CloudletInfoApiClient, api);
  const until = clock.monotonic() + AGENTS_DEADLINE_MS;
  try {
    for (;;) {
      const ready = new Set<string>();
      for await (const info of callStream(client, 'showCloudletInfo', OBJECTS.CloudletInfo.empty())) {
        if (info.state === CloudletState.CLOUDLET_STATE_READY) ready.add(info.key?.name ?? '');
      }
      const missing = SITES.filter((site) => !ready.has(site.name));
      if (missing.length === 0) return;
      if (clock.monotonic() > until)
        throw new Error(`no agent reported for ${missing.map((s) => s.name).join(', ')}`);
      await sleep(clock, 200);
    }
  } finally {
    client.close();
  }
}

/** Applies the sample with edgectl, as a user would; its streamed progress goes to standard output. */
export async function applySample(root: string, api: string): Promise<void> {
  const args = ['--addr', api, 'controller', 'apply', '-f', 'deploy/samples/quickstart.yaml'];
  const child = spawn(join(root, 'bin/edgectl'), args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  if (status !== 0) throw new Error(`edgectl apply ended with status ${status}`);
}
