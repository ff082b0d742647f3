import { join } from 'node:path';
import { writeFileAtomic } from '@edgeplane/base';
import {
  CreateMicroVMRequest,
  CreateMicroVMResponse,
  ListMessage,
  MicroVMClient,
} from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import { NetworkInterface_IfaceType } from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { tempDir } from '@edgeplane/test-harness';
import { type Bench, durationFigure, median, rateFigure } from '../figures.js';
import { ratePerSecond } from '../load.js';
import { withDoors } from './doors-site.js';
import { durations, withRawCalls } from './raw-calls.js';

const FLAGS = [
  ...['--flintlock-addr', '127.0.0.1:0', '--flintlock-insecure'],
  // Thousands are accepted that never run.
  ...['--flintlock-memory-overcommit', '1000'],
];
const IN_FLIGHT = 16;
/** Nobody has it: a create is accepted before its image is looked for. */
const ABSENT = 'oci:/nonexistent/image:1';

/** What a client such as Cluster API's provider sends. */
function createRequest(i: number) {
  return CreateMicroVMRequest.fromPartial({
    microvm: {
      id: `mvm-${i}`,
      namespace: 'bench',
      labels: { 'cluster-name': 'bench' },
      vcpu: 1,
      memoryInMb: 1024,
      kernel: { image: ABSENT, filename: 'boot/vmlinux', cmdline: {}, addNetworkConfig: true },
      rootVolume: { id: 'root', isReadOnly: false, source: { containerSource: ABSENT } },
      additionalVolumes: [],
      interfaces: [{ deviceId: 'eth1', type: NetworkInterface_IfaceType.TAP }],
      metadata: { 'user-data': Buffer.alloc(1024, 'x').toString('base64') },
    },
  });
}

/** Files of a size made durable per second, as many at a time as there are creates: each accepted one is at least that. */
async function durableWrites(count: number, size: number): Promise<number> {
  const dir = tempDir('bwrites');
  try {
    const text = 'x'.repeat(size);
    const write = (i: number) => writeFileAtomic(join(dir.path, `${i}.json`), text);
    return await ratePerSecond(count, IN_FLIGHT, write);
  } finally {
    dir.remove();
  }
}

/** Creates until they are accepted, and streams of all there are, beside bare gRPC with messages of the same size. */
export const microvmsBench: Bench = {
  group: 'southbound',
  name: 'microVMs accepted and listed, beside bare gRPC',
  async run({ microvms, streams }) {
    const ours = await withDoors(
      () => FLAGS,
      async (site) => {
        const client = connect(MicroVMClient, site.address('flintlock current'));
        try {
          let answer = CreateMicroVMResponse.fromPartial({});
          const accepted = await ratePerSecond(microvms, IN_FLIGHT, async (i) => {
            answer = await callUnary(client, 'createMicroVm', createRequest(i));
          });
          const list = async (look: (message: ListMessage) => void) => {
            let count = 0;
            for await (const message of callStream(client, 'listMicroVMsStream', { namespace: 'bench' })) {
              count += 1;
              look(message);
            }
            if (count !== microvms) throw new Error(`${count} microVMs are listed, not ${microvms}`);
          };
          let bytes = 0;
          await list((message) => {
            bytes += ListMessage.encode(message).finish().length;
          });
          const listed = median(await durations(streams, 1, () => list(() => undefined)));
          const sent = CreateMicroVMRequest.encode(createRequest(0)).finish().length;
          const received = CreateMicroVMResponse.encode(answer).finish().length;
          return { accepted, listed, sent, received, each: Math.round(bytes / microvms) };
        } finally {
          client.close();
        }
      },
    );
    const rawAccepted = await withRawCalls(1, ours.received, ({ one }) =>
      ratePerSecond(microvms, IN_FLIGHT, () => one(ours.sent)),
    );
    const rawListed = await withRawCalls(microvms, ours.each, async ({ all }) =>
      median(await durations(streams, 1, all)),
    );
    const written = await durableWrites(microvms, ours.received);
    return [
      rateFigure('southbound.microvm-creates', ours.accepted, rawAccepted, null),
      rateFigure('southbound.microvm-creates-beside-disk', ours.accepted, written, null),
      durationFigure('southbound.microvm-list-stream', ours.listed, rawListed, null),
    ];
  },
};
