import { type Clock, messageOf } from '@edgeplane/base';
import { distanceCode, distanceKm, type Place } from '@edgeplane/dme';
import type { Countries } from './countries.js';
import type { Answer, Asked } from './http-service.js';
import type { KnownPlaces } from './known-places.js';
import { ipOfToken } from './location-token.js';

const HELP = `Location API simulator
GET  /showLocations   all known places, by IP address
POST /updateLocation  {"latitude":x,"longitude":y[,"ipaddr":"a"]}
POST /verifyLocation  {"latitude":x,"longitude":y,"token":"t","serviceUrl":"u"}
`;
const INVALID_TOKEN =
  'ERROR REASON: crisp_soap_fault || RESULT: invalidToken || DETAILS: The provided token is invalid and cannot be processed.';

export interface LocApiOptions {
  readonly places: KnownPlaces;
  readonly countries: Countries | undefined;
  /** Country that clients are at home in. */
  readonly home: string;
  readonly clock: Clock;
}

interface LocRequest {
  readonly latitude?: number;
  readonly longitude?: number;
  readonly token?: string;
  readonly serviceUrl?: string;
  readonly ipaddr?: string;
}

/** What the location API simulator answers (match engine spec section 7.2). */
export function answerLocApi(options: LocApiOptions, { url, body, caller }: Asked): Answer {
  switch (url.pathname) {
    case '/':
      return { status: 200, body: HELP };
    case '/showLocations':
      return json(options.places.all());
    case '/updateLocation':
      return withRequest(body, (request) => update(options, request, caller));
    case '/verifyLocation':
      return withRequest(body, (request) => verify(options, request));
    default:
      return { status: 404, body: 'not found\n' };
  }
}

function withRequest(body: string, fn: (request: LocRequest) => Answer): Answer {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch (error) {
    return { status: 500, body: `${messageOf(error)}\n` };
  }
  return fn((request ?? {}) as LocRequest);
}

function update({ places }: LocApiOptions, request: LocRequest, caller: string): Answer {
  const { latitude = 0, longitude = 0 } = request;
  if (latitude === 0 || longitude === 0) return { status: 400, body: 'improperly formatted request\n' };
  const ip = request.ipaddr || caller;
  places.put(ip, { latitude, longitude });
  return { status: 200, body: `Location DB Updated OK for ${ip}\n` };
}

function verify({ places, countries, home, clock }: LocApiOptions, request: LocRequest): Answer {
  const { latitude = 0, longitude = 0, token = '', serviceUrl = '' } = request;
  if (token === '' || (latitude === 0 && longitude === 0) || serviceUrl === '')
    return { status: 400, body: 'missing field\n' };
  const ip = ipOfToken(token, Math.floor(clock.now() / 1000));
  if (ip === undefined) return json({ matchingDegree: '-1', message: INVALID_TOKEN });
  const known = places.get(ip);
  const code = known ? codeOf({ latitude, longitude }, known, countries, home) : 0;
  return json({ matchingDegree: String(code), message: '' });
}

function codeOf(claimed: Place, known: Place, countries: Countries | undefined, home: string): number {
  const code = distanceCode(distanceKm(claimed, known));
  const [there, really] = [countries?.at(claimed), countries?.at(known)];
  if (there === undefined) return code;
  const mismatch = really !== undefined && there !== really;
  if (there !== home) return mismatch ? 7 : 6;
  return mismatch ? 5 : code;
}

function json(value: unknown): Answer {
  return { status: 200, body: `${JSON.stringify(value)}\n`, headers: { 'content-type': 'application/json' } };
}
