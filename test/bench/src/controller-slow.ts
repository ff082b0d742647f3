import { DEFAULT_VERSION } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { AppInstApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import { FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { Notice, NoticeAction, NotifyApiService } from '@edgeplane/proto/edgeproto/notice.js';
import { residentMegabytes, withController } from './controller-setup.js';
import { type Bench, durationFigure, type Figure, memoryFigure, percentile } from './figures.js';
import { bareCaller, bareReader } from './raw-client.js';
import { flavor } from './samples.js';
import { appInstRows, fill, storedAppInst } from './stored-data.js';

const SHOW = AppInstApiService.showAppInst.path;
const EVERYTHING = OBJECTS.AppInst.toWire(OBJECTS.AppInst.empty());
const CREATE = FlavorApiService.createFlavor.path;
const NOTICES = NotifyApiService.streamNotice.path;
const STALLED = 8;
/** Bytes that a client takes before it stops; the usual window of HTTP/2. */
const WINDOW = 65_535;

/** What a peer begins with that wants every AppInst. */
function hello(): Uint8Array {
  const version = {
    action: NoticeAction.VERSION,
    version: DEFAULT_VERSION,
    wantObjs: ['edgeproto.AppInst'],
  };
  return Notice.encode(Notice.fromPartial(version)).finish();
}

/** Each call's time, milliseconds; writes and reads take turns. */
async function callTimes(api: string, run: string, calls: number, shown: number): Promise<number[]> {
  const [caller, reader] = [bareCaller(api), bareReader(api)];
  const type = OBJECTS.AppInst;
  try {
    const times: number[] = [];
    for (let i = 0; i < calls; i++) {
      const started = performance.now();
      if (i % 2 === 0) await caller.unary(CREATE, OBJECTS.Flavor.toWire(flavor(`${run}-${i}`)));
      else await reader.read(SHOW, type.toWire(type.withKey(type.key(storedAppInst((i * 7919) % shown)))));
      times.push(performance.now() - started);
    }
    return times;
  } finally {
    caller.close();
    reader.close();
  }
}

/** What other calls notice of clients that stopped reading in the middle of Show and of notify. */
const slow: Bench = {
  group: 'controller',
  name: 'calls beside clients that stopped reading',
  run: ({ shown, serialCalls }) =>
    withController(
      async ({ api, notify, controller }) => {
        await callTimes(api, 'warm', serialCalls, shown);
        const without = percentile(await callTimes(api, 'without', serialCalls, shown), 0.99);
        const before = residentMegabytes(controller.pid);
        const readers = Array.from({ length: STALLED }, () => bareReader(api, WINDOW));
        const peers = Array.from({ length: STALLED }, () => bareReader(notify, WINDOW));
        try {
          for (const reader of readers) reader.stall(SHOW, EVERYTHING, false);
          for (const peer of peers) peer.stall(NOTICES, hello(), true);
          const beside = percentile(await callTimes(api, 'beside', serialCalls, shown), 0.99);
          const figures: Figure[] = [
            durationFigure('controller.slow-reader-p99', beside, without, 2),
            memoryFigure('controller.slow-reader-memory', residentMegabytes(controller.pid), before, 1.5),
          ];
          return figures;
        } finally {
          for (const each of [...readers, ...peers]) each.close();
        }
      },
      (etcd) => fill(etcd.url, appInstRows(shown)),
    ),
};

export const slowBenches: readonly Bench[] = [slow];
