import { readFileSync } from 'node:fs';
import { type Clock, fail, type Logger, messageOf, type Random, randomId } from '@edgeplane/base';
import { NatsBus } from '@edgeplane/bus';
import { loadTls } from '@edgeplane/rpc';
import type { DmeConfig } from '../config.js';
import { dmeErrors } from '../errors.js';
import { BusLink, GROUP_BUS_LIMITS, GROUP_TOPIC } from './bus-link.js';
import { type GroupLink, LocalLink } from './group-link.js';

/**
 * What carries group messages: NATS when there are URLs, whether a server answers yet or not; else nothing but this
 * process.
 * @throws EdgeplaneError NATS_CREDS_UNREADABLE, TLS_FILE_UNREADABLE
 */
export function openGroupLink(
  { nats, scaleId }: Pick<DmeConfig, 'nats' | 'scaleId'>,
  { clock, random, logger }: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): GroupLink {
  if (nats.urls.length === 0) return new LocalLink();
  const bus = new NatsBus({
    urls: nats.urls,
    creds: nats.creds === '' ? undefined : readCredentials(nats.creds),
    tls: nats.tls === '' ? undefined : loadTls(nats.tls),
    name: `edgeplane dme ${scaleId}`,
    prefix: 'edgeplane.dme',
    topics: [GROUP_TOPIC],
    publisher: randomId(random),
    limits: GROUP_BUS_LIMITS,
    clock,
    random,
    logger,
  });
  return new BusLink(bus, logger);
}

function readCredentials(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fail(dmeErrors.NATS_CREDS_UNREADABLE, { path, reason: messageOf(error) }, { cause: error });
  }
}
