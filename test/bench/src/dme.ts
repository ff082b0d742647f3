import { findBench } from './dme/find.js';
import { loadBench, matchBench } from './dme/tables.js';
import { workersBench } from './dme/workers.js';
import type { Bench } from './figures.js';

export const dmeBenches: readonly Bench[] = [findBench, matchBench, loadBench, workersBench];
