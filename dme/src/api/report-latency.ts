import { fail } from '@edgeplane/base';
import type { LatencyReport, LatencyReportReply } from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { dmeErrors } from '../errors.js';
import { peerIp } from '../peer-ip.js';
import type { Engine } from './engine.js';
import { clientPlace } from './gps.js';

const MOST = 16;

/**
 * Notes the round trips that a client has measured to instances of its App. It counts once per address it comes from, however
 * many sessions it makes.
 * @throws EdgeplaneError NO_GPS_LOCATION, BAD_GPS_LOCATION, TOO_MANY_SAMPLES
 */
export function reportLatency(
  { table, latencies }: Pick<Engine, 'table' | 'latencies'>,
  { gpsLocation, samples }: LatencyReport,
  app: AppKey,
  peer: string,
): LatencyReportReply {
  const place = clientPlace(gpsLocation, dmeErrors.NO_GPS_LOCATION);
  if (samples.length > MOST) throw fail(dmeErrors.TOO_MANY_SAMPLES, { count: samples.length, most: MOST });
  const reporter = reporterOf(peerIp(peer));
  const refused: string[] = [];
  for (const { carrierName, cloudletName, roundTripMs } of samples) {
    const site = table.siteOf(app, { operatorKey: { name: carrierName }, name: cloudletName });
    const reason = site
      ? latencies.report(reporter, place, site.id, site, roundTripMs)
      : 'there is no instance of the App';
    if (reason !== undefined) refused.push(`${carrierName} ${cloudletName}: ${reason}`);
  }
  return { accepted: samples.length - refused.length, refused };
}

/** Of IPv6, the network that one client usually has to itself. */
function reporterOf(ip: string): string {
  return ip.includes(':') && !ip.includes('.') ? ip.split(':').slice(0, 4).join(':') : ip;
}
