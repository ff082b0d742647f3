import type { Bench } from './figures.js';
import { exportBench } from './southbound/export.js';
import { microvmsBench } from './southbound/microvms.js';
import { podsBench } from './southbound/pods.js';
import { providerCallsBench } from './southbound/provider-calls.js';

export const southboundBenches: readonly Bench[] = [
  providerCallsBench,
  exportBench,
  microvmsBench,
  podsBench,
];
