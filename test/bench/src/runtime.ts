import type { Bench } from './figures.js';
import { agentScaleBenches } from './runtime/agent-scale.js';
import { podStartBench } from './runtime/pod-start.js';
import { vmCreateBench } from './runtime/vm-create.js';

export const runtimeBenches: readonly Bench[] = [vmCreateBench, podStartBench, ...agentScaleBenches];
