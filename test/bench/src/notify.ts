import type { Bench } from './figures.js';
import { deliveryBenches } from './notify/delivery.js';
import { fanOutBenches } from './notify/fan-out.js';
import { relayBenches } from './notify/relayed.js';
import { resyncBenches } from './notify/resync.js';
import { stormBenches } from './notify/storm.js';

export const notifyBenches: readonly Bench[] = [
  ...deliveryBenches,
  ...fanOutBenches,
  ...resyncBenches,
  ...relayBenches,
  ...stormBenches,
];
