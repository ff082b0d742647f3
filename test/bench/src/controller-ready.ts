import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { ClusterInstApiClient } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { callStream, connect } from '@edgeplane/rpc';
import { startAgent } from '@edgeplane/test-harness';
import { withController } from './controller-setup.js';
import { type Bench, durationFigure, median, percentile } from './figures.js';
import { rawEtcd } from './raw-etcd.js';
import { rawPeer, startRawServer } from './raw-grpc.js';
import { appInst, clusterInst, createAll, SITE } from './samples.js';

/** What a create cannot do without: three states stored, and a message down, two up, one to the client. */
const PUTS = 3;
const ECHOES = 4;
const STORED_BYTES = 400;
/** A create may take this much longer than its bare round trips, milliseconds. */
const ALLOWED_MS = 200;

/** CreateAppInst until Ready with a driver that does nothing, beside the bare round trips. */
const ready: Bench = {
  group: 'controller',
  name: 'CreateAppInst to Ready with the fake driver',
  run: ({ creates }) =>
    withController(async ({ dir, etcd, api, notify }) => {
      const agent = await startAgent(dir, notify, SITE, ['--platform', 'fakecloudlet']);
      const server = await startRawServer();
      const peer = rawPeer(server.address);
      const raw = rawEtcd(etcd.url);
      const [clusters, instances] = [connect(ClusterInstApiClient, api), connect(AppInstApiClient, api)];
      try {
        await createAll(api);
        const ours: number[] = [];
        const bare: number[] = [];
        for (let i = 0; i < creates; i++) {
          for await (const _ of callStream(clusters, 'createClusterInst', clusterInst(`c${i}`)));
          const started = performance.now();
          for await (const _ of callStream(instances, 'createAppInst', appInst('web', `c${i}`)));
          ours.push(performance.now() - started);
          const began = performance.now();
          for (let n = 0; n < PUTS; n++) await raw.put(`raw/${i}`, 'x'.repeat(STORED_BYTES));
          for (let n = 0; n < ECHOES; n++) await peer.echo(Buffer.alloc(STORED_BYTES));
          bare.push(performance.now() - began);
        }
        const [p99, bare99] = [percentile(ours, 0.99), percentile(bare, 0.99)];
        return [
          durationFigure('controller.create-to-ready-p50', median(ours), median(bare), null),
          durationFigure('controller.create-to-ready-p99', p99, bare99, null, bare99 + ALLOWED_MS),
        ];
      } finally {
        raw.close();
        peer.close();
        server.stop();
        clusters.close();
        instances.close();
        await agent.stop();
      }
    }),
};

export const readyBenches: readonly Bench[] = [ready];
