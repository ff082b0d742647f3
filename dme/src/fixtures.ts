/**
 * The set of Apps and cloudlets of match engine spec section 17.1: what a match engine without a controller begins with, and
 * what tests use.
 */
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import { EMPTY_LOC } from './place.js';
import { AppTable } from './tables.js';
import type { OfferRule } from './usable.js';

export const APPS = {
  untomt: appKey('Untomt', 'Untomt', '1.1'),
  pillimo: appKey('Atlantic Labs', 'Pillimo-go', '2.1'),
  harry: appKey('Atlantic Labs', 'HarryPotter-go', '1.0'),
  ever: appKey('Ever.AI', 'Ever', '1.7'),
  empty: appKey('EmptyMatchEngineApp', 'EmptyMatchEngineApp', '1'),
} as const;

export interface FixtureCloudlet {
  readonly operator: string;
  readonly name: string;
  readonly uri: string;
  readonly latitude: number;
  readonly longitude: number;
}

export const CLOUDLETS: readonly FixtureCloudlet[] = [
  { operator: 'GDDT', name: 'Buckhorn', uri: '10.1.10.1', latitude: 50.7374, longitude: 7.0982 },
  { operator: 'GDDT', name: 'Sunnydale', uri: '11.1.11.1', latitude: 52.7374, longitude: 13.405 },
  { operator: 'GDDT', name: 'Beacon', uri: '12.1.12.1', latitude: 48.1351, longitude: 11.582 },
  { operator: 'DMUUS', name: 'San Francisco', uri: '13.1.13.1', latitude: 47.6062, longitude: 122.3321 },
  { operator: 'developer', name: 'default', uri: '15.1.15.1', latitude: 29.66, longitude: -82.33 },
];

export function appKey(developer: string, name: string, version: string): AppKey {
  return { developerKey: { name: developer }, name, version };
}

export function app(key: AppKey, attributes: Partial<App> = {}): App {
  return { ...OBJECTS.App.withKey(key), ...attributes };
}

export function appInst(key: AppKey, cloudlet: FixtureCloudlet, attributes: Partial<AppInst> = {}): AppInst {
  const { operator, name, uri, latitude, longitude } = cloudlet;
  const inst = OBJECTS.AppInst.withKey({
    appKey: key,
    clusterInstKey: {
      clusterKey: { name: 'testcluster' },
      cloudletKey: { operatorKey: { name: operator }, name },
      developer: '',
    },
  });
  return {
    ...inst,
    uri,
    cloudletLoc: { ...EMPTY_LOC, latitude, longitude },
    mappedPorts: [
      { proto: LProto.L_PROTO_TCP, internalPort: 80, publicPort: 8080, pathPrefix: '', fqdnPrefix: '' },
    ],
    ...attributes,
  };
}

/** Every App on every cloudlet. */
export function fixtureTable(rule?: OfferRule): AppTable {
  const table = new AppTable(rule);
  for (const key of Object.values(APPS)) {
    table.putApp(app(key));
    for (const cloudlet of CLOUDLETS) table.putInst(appInst(key, cloudlet));
  }
  return table;
}
