import {
  type CloudletCandidate,
  FindCloudletReply,
  type FindCloudletReply_FindStatus,
  MatchEngineApiService,
} from '@edgeplane/proto/dme/app-client.js';
import type { AppPort } from '@edgeplane/proto/dme/appcommon.js';
import type { Loc } from '@edgeplane/proto/dme/loc.js';

/** An answer that is encoded already. It is decoded only for those who look into it, as REST does. */
export class EncodedReply implements FindCloudletReply {
  readonly encoded: Buffer;
  #decoded: FindCloudletReply | undefined;

  constructor(encoded: Buffer) {
    this.encoded = encoded;
  }

  get ver(): number {
    return this.#reply.ver;
  }

  get status(): FindCloudletReply_FindStatus {
    return this.#reply.status;
  }

  get fqdn(): string {
    return this.#reply.fqdn;
  }

  get ports(): AppPort[] {
    return this.#reply.ports;
  }

  get cloudletLocation(): Loc | undefined {
    return this.#reply.cloudletLocation;
  }

  get candidates(): CloudletCandidate[] {
    return this.#reply.candidates;
  }

  get #reply(): FindCloudletReply {
    this.#decoded ??= FindCloudletReply.decode(this.encoded);
    return this.#decoded;
  }
}

/** MatchEngineApi, whose answers may be encoded ones. */
export const MATCH_ENGINE_API = {
  ...MatchEngineApiService,
  findCloudlet: {
    ...MatchEngineApiService.findCloudlet,
    responseSerialize: (reply: FindCloudletReply) =>
      reply instanceof EncodedReply ? reply.encoded : Buffer.from(FindCloudletReply.encode(reply).finish()),
  },
} as const;
