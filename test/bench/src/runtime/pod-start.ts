import { OBJECTS } from '@edgeplane/objects';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { ClusterInstApiClient } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { callStream, connect } from '@edgeplane/rpc';
import { type Bench, durationFigure, median } from '../figures.js';
import { appInst, CONTAINER_IMAGE, clusterInst } from '../samples.js';
import { barePodman } from './bare-podman.js';
import { PUBLIC_ADDRESS, withLocalSite } from './local-site.js';
import { page } from './page.js';

const ROUNDS = 7;
const CLUSTER = 'pods';

/** A container by hand, with the limits, network and port that the agent gives, and the wait for its page. */
async function bareContainer(state: string, network: string, port: number): Promise<number> {
  const started = performance.now();
  const limits = ['--memory', '256m', '--cpus', '1'];
  const publish = ['--publish', `${PUBLIC_ADDRESS}:${port}:8080`];
  await barePodman(state, [
    'run',
    '-d',
    '--name',
    'bare',
    '--network',
    network,
    ...limits,
    ...publish,
    CONTAINER_IMAGE,
  ]);
  await page(PUBLIC_ADDRESS, port);
  const took = performance.now() - started;
  await barePodman(state, ['rm', '-f', '-t', '0', 'bare']);
  return took;
}

function podStart(): Promise<readonly [ours: number, bare: number]> {
  return withLocalSite(async ({ api, state }) => {
    const clusters = connect(ClusterInstApiClient, api);
    const apps = connect(AppInstApiClient, api);
    const target = appInst('web', CLUSTER);
    const ours: number[] = [];
    const bare: number[] = [];
    const create = async () => {
      const started = performance.now();
      for await (const _ of callStream(apps, 'createAppInst', target));
      const shown = callStream(apps, 'showAppInst', OBJECTS.AppInst.empty());
      for await (const inst of shown) await page(PUBLIC_ADDRESS, inst.mappedPorts[0]?.publicPort ?? 0);
      const took = performance.now() - started;
      for await (const _ of callStream(apps, 'deleteAppInst', target));
      return took;
    };
    try {
      for await (const _ of callStream(clusters, 'createClusterInst', clusterInst(CLUSTER)));
      // Brings the image into storage.
      await create();
      const networks = await barePodman(state, ['network', 'ls', '--format', '{{.Name}}']);
      const network = networks.split('\n').find((name) => name.startsWith(CLUSTER));
      if (network === undefined) throw new Error(`no network of the cluster among ${networks}`);
      for (let round = 0; round < ROUNDS; round++) {
        bare.push(await bareContainer(state, network, 18_180 + round));
        ours.push(await create());
      }
      for await (const _ of callStream(clusters, 'deleteClusterInst', clusterInst(CLUSTER)));
      return [median(ours), median(bare)];
    } finally {
      clusters.close();
      apps.close();
    }
  });
}

/** From the API call to the page of a container, beside podman by hand. */
export const podStartBench: Bench = {
  group: 'runtime',
  name: 'container AppInst from the API call to its page, beside bare podman',
  async run() {
    const [ours, bare] = await podStart();
    return [durationFigure('runtime.pod-start-to-page', ours, bare, 1.3)];
  },
};
