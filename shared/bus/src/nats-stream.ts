import { NatsError, nanos, type StreamConfig, type StreamInfo } from 'nats';
import type { BusLimits } from './bus.js';
import type { NatsSession } from './nats-link.js';

const STREAM_NOT_FOUND = 10059;

/** The part of a stream's settings that is ours; the rest, such as replicas, is the operator's. */
function settings(subjects: string[], limits: BusLimits): Partial<StreamConfig> {
  return {
    subjects,
    max_age: nanos(limits.keepMs),
    max_bytes: limits.keepBytes,
    max_msgs: limits.keepEvents,
    duplicate_window: nanos(limits.duplicateMs),
  };
}

/** Makes the stream, or brings its limits up to date. @throws NatsError */
export async function ensureStream(
  { manager }: NatsSession,
  name: string,
  subjects: string[],
  limits: BusLimits,
): Promise<void> {
  const wanted = settings(subjects, limits);
  let found: StreamInfo;
  try {
    found = await manager.streams.info(name);
  } catch (error) {
    if (!(error instanceof NatsError) || error.api_error?.err_code !== STREAM_NOT_FOUND) throw error;
    await manager.streams.add({ ...wanted, name });
    return;
  }
  const config = found.config as unknown as Record<string, unknown>;
  const same = Object.entries(wanted).every(([k, v]) => JSON.stringify(config[k]) === JSON.stringify(v));
  if (!same) await manager.streams.update(name, { ...found.config, ...wanted });
}

/** Names one life of a stream in positions. */
export function streamLife(info: StreamInfo): string {
  return `n${Date.parse(info.created).toString(36)}`;
}
