import { request } from 'node:http';
import { type Clock, sleep } from '@edgeplane/base';
import {
  type FindCloudletReply,
  FindCloudletReply_FindStatus,
  type MatchEngineApiClient,
} from '@edgeplane/proto/dme/app-client.js';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import { callUnary } from '@edgeplane/rpc';
import { DEVELOPER, OPERATOR, type Visit } from './sites.js';

const DEADLINE_MS = 10_000;

/** What a mobile app does: registers once, then asks for the nearest instance. */
export async function findNearest(client: MatchEngineApiClient, visit: Visit): Promise<FindCloudletReply> {
  const session = await callUnary(
    client,
    'registerClient',
    { ver: 0, devName: DEVELOPER, appName: visit.app, appVers: '1.0', carrierName: '', authToken: '' },
    { deadlineMs: DEADLINE_MS },
  );
  const reply = await callUnary(
    client,
    'findCloudlet',
    {
      ver: 0,
      sessionCookie: session.sessionCookie,
      carrierName: OPERATOR,
      gpsLocation: { ...NOWHERE, latitude: visit.latitude, longitude: visit.longitude },
      devName: '',
      appName: '',
      appVers: '',
      maxCandidates: 0,
      explain: false,
      useLatency: false,
    },
    { deadlineMs: DEADLINE_MS },
  );
  if (reply.status !== FindCloudletReply_FindStatus.FIND_FOUND)
    throw new Error(`no instance of ${visit.app} was found`);
  return reply;
}

const NOWHERE = Loc.create();

/**
 * Fetches a page from an instance. `address` is where the instance's name leads: no DNS server knows the names of a
 * quickstart. A page is asked for again until `deadlineMs`, since a Ready instance may still be booting.
 */
export async function fetchPage(
  clock: Clock,
  target: { address: string; fqdn: string; port: number },
  deadlineMs: number,
): Promise<string> {
  const until = clock.monotonic() + deadlineMs;
  for (;;) {
    try {
      return await fetchOnce(target);
    } catch (error) {
      if (clock.monotonic() > until) throw error;
      await sleep(clock, 250);
    }
  }
}

function fetchOnce(target: { address: string; fqdn: string; port: number }): Promise<string> {
  const { address, fqdn, port } = target;
  return new Promise((resolve, reject) => {
    const req = request(
      { host: address, port, path: '/', headers: { host: fqdn }, timeout: 5000, agent: false },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          if (res.statusCode === 200) resolve(Buffer.concat(chunks).toString());
          else reject(new Error(`http://${fqdn}:${port}/ answered ${res.statusCode}`));
        });
      },
    );
    req.on('timeout', () => req.destroy(new Error(`http://${fqdn}:${port}/ did not answer`)));
    req.on('error', reject);
    req.end();
  });
}
