import type { Bench } from './figures.js';
import { microvmsBench } from './southbound/microvms.js';

export const southboundBenches: readonly Bench[] = [microvmsBench];
