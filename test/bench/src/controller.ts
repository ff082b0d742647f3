import { readyBenches } from './controller-ready.js';
import { scaleBenches } from './controller-scale.js';
import { showBenches } from './controller-show.js';
import { slowBenches } from './controller-slow.js';
import { writeBenches } from './controller-writes.js';
import type { Bench } from './figures.js';

export const controllerBenches: readonly Bench[] = [
  ...writeBenches,
  ...showBenches,
  ...readyBenches,
  ...scaleBenches,
  ...slowBenches,
];
