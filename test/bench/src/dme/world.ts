/** One App with instances all over the earth, and those who ask for it. */
import { OBJECTS, type ObjectOf } from '@edgeplane/objects';
import {
  FindCloudletReply,
  FindCloudletReply_FindStatus,
  FindCloudletRequest,
  RegisterClientRequest,
} from '@edgeplane/proto/dme/app-client.js';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';

export const CARRIER = 'carrier';
const APP_KEY = { developerKey: { name: 'bench' }, name: 'bench app', version: '1.0' };

export interface Position {
  readonly latitude: number;
  readonly longitude: number;
}

/** The nth of positions spread evenly over the earth, in an order that has neighbours far apart (Halton, bases 2 and 3). */
export function position(n: number): Position {
  const latitude = (Math.asin(2 * halton(n + 1, 2) - 1) * 180) / Math.PI;
  return { latitude, longitude: 360 * halton(n + 1, 3) - 180 };
}

function halton(n: number, base: number): number {
  let [value, part] = [0, 1];
  for (let rest = n; rest > 0; rest = Math.floor(rest / base)) {
    part /= base;
    value += (rest % base) * part;
  }
  return value;
}

export function benchApp(): ObjectOf<'App'> {
  return OBJECTS.App.withKey(APP_KEY);
}

/** The nth instance, on a cloudlet of its own unless there are fewer. */
export function benchInst(n: number, cloudlets = Number.POSITIVE_INFINITY): ObjectOf<'AppInst'> {
  const site = n % cloudlets;
  const cloudletKey = { operatorKey: { name: CARRIER }, name: `site-${site}` };
  const clusterKey = { name: `cluster-${n}` };
  const inst = OBJECTS.AppInst.withKey({
    appKey: APP_KEY,
    clusterInstKey: { clusterKey, cloudletKey, developer: 'bench' },
  });
  const port = { proto: 1 as const, internalPort: 8080, publicPort: 10_000, pathPrefix: '', fqdnPrefix: '' };
  return {
    ...inst,
    cloudletLoc: Loc.create(position(site)),
    uri: `cluster-${n}.site-${site}.${CARRIER}.example.net`,
    liveness: 1,
    flavor: { name: 'small' },
    mappedPorts: [port, { ...port, proto: 2, publicPort: 10_001, fqdnPrefix: 'udp.' }],
    state: TrackedState.READY,
  };
}

export function registerRequest(): RegisterClientRequest {
  const { developerKey, name, version } = APP_KEY;
  return RegisterClientRequest.create({ devName: developerKey.name, appName: name, appVers: version });
}

const CLIENTS = 500;

/** What clients at as many places ask, encoded. */
export function findRequests(sessionCookie: string): Uint8Array[] {
  return Array.from({ length: CLIENTS }, (_, n) => findRequest(sessionCookie, n));
}

function findRequest(sessionCookie: string, n: number): Uint8Array {
  // Not where instances are.
  const gpsLocation = Loc.create(position(5_000_000 + 7 * n));
  return FindCloudletRequest.encode(
    FindCloudletRequest.create({ sessionCookie, carrierName: CARRIER, gpsLocation }),
  ).finish();
}

/** Length of the answer. */
export function replyBytes(): number {
  const { uri, mappedPorts, cloudletLoc } = benchInst(500);
  const status = FindCloudletReply_FindStatus.FIND_FOUND;
  const found = { status, fqdn: uri, ports: mappedPorts, cloudletLocation: cloudletLoc };
  return FindCloudletReply.encode(FindCloudletReply.create(found)).finish().length;
}
