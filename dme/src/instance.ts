import { FindCloudletReply, FindCloudletReply_FindStatus } from '@edgeplane/proto/dme/app-client.js';
import type { AppPort } from '@edgeplane/proto/dme/appcommon.js';
import type { Loc } from '@edgeplane/proto/dme/loc.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { Located } from './nearby.js';
import { EMPTY_LOC } from './place.js';
import type { CloudletSite } from './sites.js';
import { WireFields } from './wire-fields.js';

/** An instance as clients are told of it. What is not a plain member is decoded when it is asked for. */
export interface Instance extends Located {
  /** Key JSON of the AppInst. */
  readonly name: string;
  readonly site: CloudletSite;
  readonly state: TrackedState;
  readonly cloudletKey: CloudletKey;
  readonly uri: string;
  readonly location: Loc;
  readonly ports: readonly AppPort[];
  /** The whole answer of FindCloudlet, encoded. */
  encodedReply(): Buffer;
}

/** AppInst.cloudlet_loc */
const LOCATION = 3;

/** The tag that a member of an AppInst has in the answer of FindCloudlet; undefined when it is no part of that. */
function replyTag(field: number): string | undefined {
  if (field === LOCATION) return '\x2a';
  // uri, which is called fqdn there, and mapped_ports
  if (field === 4) return '\x1a';
  return field === 9 ? '\x22' : undefined;
}

const FOUND = `\x10${String.fromCharCode(FindCloudletReply_FindStatus.FIND_FOUND)}`;

/**
 * An AppInst as it came, which is the shortest form that has everything: a decoded one takes several times as much memory,
 * and an answer is made of its parts as they are.
 */
export class StoredInstance implements Instance {
  readonly name: string;
  readonly site: CloudletSite;
  readonly state: TrackedState;
  /** Clients may be sent to it. */
  readonly isOffered: boolean;
  /** Key JSON of its App. */
  readonly app: string;
  /** One character per byte. */
  readonly #wire: string;

  /** `wire` is the encoded AppInst. */
  constructor(
    name: string,
    site: CloudletSite,
    app: string,
    { state, isOffered }: { readonly state: TrackedState; readonly isOffered: boolean },
    wire: Uint8Array,
  ) {
    this.name = name;
    this.site = site;
    this.state = state;
    this.isOffered = isOffered;
    this.app = app;
    this.#wire = Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString('latin1');
  }

  get cloudletKey(): CloudletKey {
    return this.site.cloudletKey;
  }

  get uri(): string {
    return this.#reply().fqdn;
  }

  get location(): Loc {
    return this.#reply().cloudletLocation ?? EMPTY_LOC;
  }

  get ports(): readonly AppPort[] {
    return this.#reply().ports;
  }

  /** The AppInst, encoded. */
  get wire(): Uint8Array {
    return Buffer.from(this.#wire, 'latin1');
  }

  encodedReply(): Buffer {
    const wire = this.#wire;
    let reply = FOUND;
    let located = false;
    const field = new WireFields(wire);
    while (field.next()) {
      const tag = replyTag(field.number);
      if (tag === undefined) continue;
      reply += tag + wire.slice(field.from, field.end);
      located ||= field.number === LOCATION;
    }
    // A place is always told, if only an empty one.
    return Buffer.from(located ? reply : `${reply}\x2a\x00`, 'latin1');
  }

  #reply(): FindCloudletReply {
    return FindCloudletReply.decode(this.encodedReply());
  }
}
