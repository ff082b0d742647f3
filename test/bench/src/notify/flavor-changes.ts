import { OBJECTS } from '@edgeplane/objects';
import { FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { bareCaller } from '../raw-client.js';
import { machineTime } from './child.js';
import { flavor } from './objects.js';
import type { Fleet } from './setup.js';
import { cpuEach, type Usage, usageOf } from './usage.js';

/** Flavor.ram. */
const RAM = '3';

export interface FlavorChanges {
  /** Of the controller. */
  readonly api: string;
  readonly fleet: Fleet;
  /** Those in the fleet: each of them gets each change. */
  readonly agents: number;
  readonly rounds: number;
  /** Processes whose use of the processor is asked for. */
  readonly pids: readonly number[];
}

export interface FlavorDelivery {
  /** From the reply of the API until an agent had written its ack, of every agent and round, milliseconds. */
  readonly times: readonly number[];
  /** Processor time per delivery of each of the processes, microseconds. */
  readonly cpu: readonly number[];
}

/** Changes one Flavor by the API, again and again, each time when all have the last; a fifth more of it before it counts. */
export async function changeFlavor({
  api,
  fleet,
  agents,
  rounds,
  pids,
}: FlavorChanges): Promise<FlavorDelivery> {
  const caller = bareCaller(api, 1);
  const times: number[] = [];
  let before: readonly Usage[] = [];
  try {
    for (let i = -Math.ceil(rounds / 5); i < rounds; i++) {
      if (i === 0) before = pids.map(usageOf);
      const changed = { ...flavor('flavor-0', 2048 + i), fields: [RAM] };
      const update = async () => {
        await caller.unary(FlavorApiService.updateFlavor.path, OBJECTS.Flavor.toWire(changed));
        return machineTime();
      };
      const { result: replied, at } = await fleet.whenChanged(agents, 1, update);
      if (i >= 0) for (const time of at) times.push(Math.max(time - replied, 0.001));
    }
    const cpu = before.map((used, i) => cpuEach(used, usageOf(pids[i] ?? 0), rounds * agents));
    return { times, cpu };
  } finally {
    caller.close();
  }
}
