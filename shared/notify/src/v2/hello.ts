import { fail } from '@edgeplane/base';
import { currentVersionHash, knownVersions, OBJECTS } from '@edgeplane/objects';
import type { Hello, Held as WireHeld } from '@edgeplane/proto/edgeplane/notify.js';
import { notifyErrors } from '../errors.js';
import { revisionNumber } from './revision.js';
import type { SenderClock } from './sender-clock.js';
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
  readonly session?: number;
  readonly whole?: readonly string[];
  readonly scopeNumber?: number;
  readonly origins?: readonly number[];
  readonly path?: readonly string[];
}

export function helloOf({ node, views, time, held, scope, lastServer = '', ...parts }: HelloParts): Hello {
  return {
    node,
    dataModel: currentVersionHash(),
    types: views.lanes.map(({ type }) => type),
    lineage: time.lineage,
    revisions: views.lanes.map(({ place }) => BigInt(time.revision(place))),
    scope: Array.from(scope, encodeCloudlet),
    held,
    lastServer,
    session: BigInt(parts.session ?? 0),
    whole: [...(parts.whole ?? [])],
    scopeNumber: parts.scopeNumber ?? 0,
    origins: [...(parts.origins ?? [])],
    path: [...(parts.path ?? [])],
  };
}

/** Letters of a name in a hello. */
const MOST_LETTERS = 256;
/** Types that a side may name. */
const MOST_TYPES = 256;

/**
 * Refuses what nobody would say who means well, before anything is made of it.
 * @throws EdgeplaneError NOTICE_MALFORMED, SCOPE_TOO_LARGE
 */
export function checkHello(
  { node, lineage, lastServer, types, revisions, scope, held }: Hello,
  maxScope: number,
): void {
  if (node === '') throw malformed('it has no node');
  for (const name of [node, lineage, lastServer, ...types.slice(0, MOST_TYPES)])
    if (name.length > MOST_LETTERS)
      throw malformed(`a name has ${name.length} letters, more than ${MOST_LETTERS}`);
  if (types.length > MOST_TYPES || new Set(types).size < types.length)
    throw malformed(`it names ${types.length} types: at most ${MOST_TYPES} are, each once`);
  if (held.length > MOST_TYPES) throw malformed(`it holds ${held.length} types, more than ${MOST_TYPES}`);
  if (scope.length > maxScope) throw fail(notifyErrors.SCOPE_TOO_LARGE, { limit: maxScope });
  for (const revision of [...revisions, ...held.map(({ newest }) => newest)]) revisionNumber(revision);
}

function malformed(what: string): Error {
  return fail(notifyErrors.NOTICE_MALFORMED, { reason: `hello: ${what}` });
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
