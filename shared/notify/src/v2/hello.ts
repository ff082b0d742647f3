import { fail } from '@edgeplane/base';
import { currentVersionHash, knownVersions, OBJECTS } from '@edgeplane/objects';
import type { Hello, Held as WireHeld } from '@edgeplane/proto/edgeplane/notify.js';
import { notifyErrors } from '../errors.js';
import type { SenderClock } from './frame-sender.js';
import type { Views } from './views.js';

/** What a side says of itself when it opens version 2. */
export interface HelloParts {
  readonly node: string;
  readonly views: Views;
  readonly time: SenderClock;
  readonly held: WireHeld[];
  /** Key JSON of the cloudlets in scope. */
  readonly scope: Iterable<string>;
  /** A client's last server; empty before the first. */
  readonly lastServer?: string;
}

export function helloOf({ node, views, time, held, scope, lastServer = '' }: HelloParts): Hello {
  return {
    node,
    dataModel: currentVersionHash(),
    types: views.lanes.map(({ type }) => type),
    lineage: time.lineage,
    revisions: views.lanes.map(({ place }) => BigInt(time.revision(place))),
    scope: Array.from(scope, encodeCloudlet),
    held,
    lastServer,
  };
}

/** @throws EdgeplaneError DATA_MODEL_UNKNOWN when the peer's data model is newer than ours */
export function checkDataModel({ node, dataModel }: Hello): void {
  if (knownVersions().some(({ hash }) => hash === dataModel)) return;
  throw fail(notifyErrors.DATA_MODEL_UNKNOWN, { node, hash: dataModel, own: currentVersionHash() });
}

export function encodeCloudlet(keyJson: string): Buffer {
  const { Cloudlet } = OBJECTS;
  return Buffer.from(Cloudlet.toWire(Cloudlet.withKey(Cloudlet.parseKeyJson(keyJson))));
}

/** Key JSON of the cloudlets that a peer names; those that cannot be read are none. */
export function decodeCloudlets(keys: readonly Uint8Array[]): string[] {
  return keys.flatMap((bytes) => {
    try {
      return [OBJECTS.Cloudlet.keyJsonOf(OBJECTS.Cloudlet.fromWire(bytes))];
    } catch {
      return [];
    }
  });
}
