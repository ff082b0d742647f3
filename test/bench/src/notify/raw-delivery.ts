import { percentile } from '../figures.js';
import { addRaw, withRaw } from './setup.js';
import { cpuEach, usageOf } from './usage.js';

/** What sending a message to many costs without any code of ours. */
export interface RawDelivery {
  readonly p50: number;
  readonly p99: number;
  /** Processor time of the server, microseconds. */
  readonly cpuPerDelivery: number;
}

/** Bare streams: a message of `size` bytes to each of `agents`, which they answer; `rounds` times. */
export function rawDelivery(agents: number, size: number, rounds: number): Promise<RawDelivery> {
  return withRaw({ count: 0, size }, async (raw, address, fleet) => {
    await addRaw(raw, address, fleet, agents);
    const send = () => raw.call('fanOut', { count: 1, size });
    for (let i = 0; i < rounds / 5; i++) await fleet.whenChanged(agents, 1, send);
    const times: number[] = [];
    const before = usageOf(raw.pid);
    for (let i = 0; i < rounds; i++) {
      const { result: began, at } = await fleet.whenChanged(agents, 1, send);
      for (const time of at) times.push(time - began);
    }
    const after = usageOf(raw.pid);
    return {
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
      cpuPerDelivery: cpuEach(before, after, rounds * agents),
    };
  });
}
