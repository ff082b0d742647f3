import { type Clock, EdgeplaneError, fail, type Logger } from '@edgeplane/base';
import { VerifyLocationReply_GPSLocationStatus as GpsStatus } from '@edgeplane/proto/dme/app-client.js';
import { dmeErrors } from '../errors.js';
import { fetchJson, type JsonAnswer } from '../fetch-json.js';
import type { Place } from '../geo.js';
import { unverified, type Verdict, verdictOf } from './verdict.js';

/** A carrier's location API (match engine spec section 7.1). */
export interface LocationApiAddress {
  readonly url: string;
  /** Basic authentication; none without a user. */
  readonly user: string;
  readonly password: string;
  /** The token server's URL that clients were told; it names the service that checks tokens. */
  readonly tokenServerUrl: string;
}

/** Time for one question, milliseconds. */
const REQUEST_MS = 5000;
/** Questions at a time; whoever comes then is told to come again. */
const MAX_ASKING = 256;

/** Asks a carrier whether clients are where they say. */
export class LocationApi {
  readonly #address: LocationApiAddress;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #asking = 0;

  constructor(address: LocationApiAddress, clock: Clock, logger: Logger) {
    this.#address = address;
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * What the API says of a place; what goes wrong with it is a verdict, too.
   * @throws EdgeplaneError OVERLOADED when too many wait for it
   */
  async verify({ latitude, longitude }: Place, token: string, signal: AbortSignal): Promise<Verdict> {
    const { url, user, password, tokenServerUrl } = this.#address;
    const serviceUrl = followUrl(tokenServerUrl);
    if (serviceUrl === undefined) {
      this.#logger.warn(
        { tokenServerUrl },
        'The token server URL has no followURL: no position can be verified',
      );
      return unverified(GpsStatus.LOC_ERROR_OTHER);
    }
    if (this.#asking >= MAX_ASKING)
      throw fail(dmeErrors.OVERLOADED, { what: 'questions to the location API', limit: MAX_ASKING });
    this.#asking += 1;
    try {
      const basic = Buffer.from(`${user}:${password}`).toString('base64');
      const answer = await fetchJson(url, {
        clock: this.#clock,
        timeoutMs: REQUEST_MS,
        signal,
        body: { latitude, longitude, token, serviceUrl },
        headers: user === '' ? {} : { authorization: `Basic ${basic}` },
      });
      return verdictOfAnswer(answer);
    } catch (error) {
      if (!(error instanceof EdgeplaneError)) throw error;
      this.#logger.info({ reason: error.message }, 'The location API did not answer');
      return unverified(GpsStatus.LOC_ERROR_OTHER);
    } finally {
      this.#asking -= 1;
    }
  }
}

/** The `followURL` in the query of a token server's URL; undefined when there is none. */
export function followUrl(tokenServerUrl: string): string | undefined {
  try {
    return new URL(tokenServerUrl).searchParams.get('followURL') || undefined;
  } catch {
    return undefined;
  }
}

export function verdictOfAnswer({ status, json }: JsonAnswer): Verdict {
  if (status === 401 || status === 403) return unverified(GpsStatus.LOC_ERROR_UNAUTHORIZED);
  const { matchingDegree, message } = (json ?? {}) as {
    readonly matchingDegree?: unknown;
    readonly message?: unknown;
  };
  if (status !== 200 || typeof matchingDegree !== 'string' || !/^[+-]?\d{1,18}$/.test(matchingDegree))
    return unverified(GpsStatus.LOC_ERROR_OTHER);
  const code = Number(matchingDegree);
  if (code >= 0) return verdictOf(code);
  const invalid = typeof message === 'string' && message.includes('invalidToken');
  return unverified(invalid ? GpsStatus.LOC_ERROR_UNAUTHORIZED : GpsStatus.LOC_ERROR_OTHER);
}
