import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Clock, fail, type Logger, messageOf, type Random } from '@edgeplane/base';
import { type EventBus, MemoryHub, NatsBus } from '@edgeplane/bus';
import { loadTls } from '@edgeplane/rpc';
import type { ControllerConfig } from '../config.js';
import { controllerErrors } from '../errors.js';

/** First tokens of the subjects of events. */
export const EVENT_TOPICS = ['state', 'audit'] as const;

/**
 * The bus of a controller: NATS when there are URLs, whether a server answers yet or not; else within the process.
 * @throws EdgeplaneError INVALID_SETTING, TLS_FILE_UNREADABLE when a file of its settings cannot be read
 */
export function openBus(
  { nats, region }: Pick<ControllerConfig, 'nats' | 'region'>,
  { clock, random, logger }: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): EventBus {
  if (nats.urls.length === 0) return new MemoryHub({ clock, random, logger }).connect();
  const host = hostname().replace(/[^A-Za-z0-9_-]/g, '-') || 'nohostname';
  return new NatsBus({
    urls: nats.urls,
    creds: nats.creds === '' ? undefined : readCredentials(nats.creds),
    tls: nats.tls === '' ? undefined : loadTls(nats.tls),
    name: `edgeplane controller ${host}`,
    prefix: `edgeplane.${region}`,
    topics: EVENT_TOPICS,
    publisher: `${host}-${Math.floor(random.next() * 36 ** 8).toString(36)}`,
    clock,
    random,
    logger,
  });
}

function readCredentials(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fail(controllerErrors.INVALID_SETTING, {
      flag: '--nats-creds',
      rule: `must be a readable file (${messageOf(error)})`,
      value: path,
    });
  }
}
