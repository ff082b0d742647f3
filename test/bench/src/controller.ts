import { join } from 'node:path';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { ClusterInstApiClient } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { FlavorApiClient } from '@edgeplane/proto/edgeproto/flavor.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { startAgent, startController, startEtcd, tempDir } from '@edgeplane/test-harness';
import { type Bench, durationFigure, median, rateFigure } from './figures.js';
import { ratePerSecond } from './load.js';
import { rawEtcdPut } from './raw-etcd.js';
import { rawPeer, startRawServer } from './raw-grpc.js';
import { appInst, clusterInst, createAll, flavor, SITE } from './samples.js';

const WARM_UP = 100;
const CALLS = 1000;
const CREATES = 25;

/** CreateFlavor beside a bare put on the same etcd, at 1 and 64 in flight. */
const createFlavor: Bench = {
  group: 'controller',
  name: 'CreateFlavor beside a bare etcd put',
  async run() {
    const dir = tempDir('bput');
    const etcd = await startEtcd({ dir: join(dir.path, 'etcd') });
    const controller = await startController(dir.path, `etcd:${etcd.url}`);
    const client = connect(FlavorApiClient, controller.addresses['api'] ?? '');
    const raw = rawEtcdPut(etcd.url);
    try {
      const create = (prefix: string) => (i: number) =>
        callUnary(client, 'createFlavor', flavor(`${prefix}-${i}`));
      const put = (prefix: string) => (i: number) => raw.put(`raw/${prefix}-${i}`, 'x'.repeat(80));
      await ratePerSecond(WARM_UP, 8, create('warm'));
      await ratePerSecond(WARM_UP, 8, put('warm'));
      const figures = [];
      for (const width of [1, 64]) {
        const bare = await ratePerSecond(CALLS, width, put(`w${width}`));
        const ours = await ratePerSecond(CALLS, width, create(`w${width}`));
        figures.push(rateFigure(`controller.create-flavor-${width}`, ours, bare, null));
      }
      return figures;
    } finally {
      raw.close();
      client.close();
      await controller.stop();
      await etcd.stop();
      dir.remove();
    }
  },
};

/** CreateAppInst until Ready with the fake driver, beside two bare gRPC echoes: one down, one up. */
const createToReady: Bench = {
  group: 'controller',
  name: 'CreateAppInst to Ready with the fake driver',
  async run() {
    const dir = tempDir('bready');
    const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
    const { api = '', notify = '' } = controller.addresses;
    const agent = await startAgent(dir.path, notify, SITE, ['--platform', 'fakecloudlet']);
    const raw = await startRawServer();
    const peer = rawPeer(raw.address);
    const [clusters, instances] = [connect(ClusterInstApiClient, api), connect(AppInstApiClient, api)];
    try {
      await createAll(api);
      const ours: number[] = [];
      const echoes: number[] = [];
      for (let i = 0; i < CREATES; i++) {
        for await (const _ of callStream(clusters, 'createClusterInst', clusterInst(`c${i}`)));
        const started = performance.now();
        for await (const _ of callStream(instances, 'createAppInst', appInst('web', `c${i}`)));
        ours.push(performance.now() - started);
        const echoed = performance.now();
        for (let n = 0; n < 2; n++) await peer.echo(Buffer.alloc(300));
        echoes.push(performance.now() - echoed);
      }
      return [durationFigure('controller.create-to-ready', median(ours), median(echoes), null)];
    } finally {
      peer.close();
      raw.stop();
      clusters.close();
      instances.close();
      await agent.stop();
      await controller.stop();
      dir.remove();
    }
  },
};

export const controllerBenches: readonly Bench[] = [createFlavor, createToReady];
