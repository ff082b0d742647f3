import { createHash, timingSafeEqual } from 'node:crypto';
import { type EdgeplaneError, type ErrorKind, fail } from '@edgeplane/base';
import type { DoorName } from './door.js';
import { doorErrors } from './errors.js';

/** How clients of a door show a token, and what they are told when they do not. */
export interface TokenStyle {
  /** Lower case; what of them is base64 is so said. */
  readonly schemes: Readonly<Record<string, 'plain' | 'base64'>>;
  readonly absent: ErrorKind;
  /** A header without a blank. */
  readonly malformed: ErrorKind;
  readonly empty: ErrorKind;
  readonly wrong: ErrorKind;
}

const FLINTLOCK = 'could not extract token from request header: rpc error: code = Unauthenticated desc = ';

/** flintlock spec section 2.1; the texts are those of flintlock. */
const flintlockErrors = {
  absent: unauthenticated(`${FLINTLOCK}Request unauthenticated with basic`),
  malformed: unauthenticated(`${FLINTLOCK}Bad authorization string`),
  empty: unauthenticated('invalid auth token: empty authentication token'),
  wrong: unauthenticated('invalid auth token: failed basic authentication. Check the token supplied'),
};

function unauthenticated(template: string): ErrorKind {
  return { ...doorErrors.TOKEN_WRONG, template };
}

/** VirtRigaud spec section 2. */
const virtrigaudRefusal: ErrorKind = {
  ...doorErrors.TOKEN_WRONG,
  status: 'PERMISSION_DENIED',
  template: 'permission denied: token authentication failed',
};

const { TOKEN_MISSING: absent, TOKEN_WRONG: wrong } = doorErrors;
const bearer: TokenStyle = { schemes: { bearer: 'plain' }, absent, malformed: absent, empty: absent, wrong };

export const TOKEN_STYLES: Readonly<Record<DoorName, TokenStyle>> = {
  virtrigaud: {
    schemes: { bearer: 'plain' },
    absent: virtrigaudRefusal,
    malformed: virtrigaudRefusal,
    empty: virtrigaudRefusal,
    wrong: virtrigaudRefusal,
  },
  // Schedulers in front of flintlock hosts send `Bearer`, which flintlock itself does not understand.
  flintlock: { schemes: { basic: 'base64', bearer: 'plain' }, ...flintlockErrors },
  operations: bearer,
  aurae: bearer,
};

/** Tokens that are accepted, of which only hashes are kept. */
export class Tokens {
  readonly #hashes: readonly Buffer[];

  /** One token per line of the text. */
  constructor(text: string) {
    const tokens = text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
    if (tokens.length === 0) throw new Error('holds no token');
    this.#hashes = tokens.map(hashOf);
  }

  /** Takes the same time for every token of one length, right or wrong. */
  accepts(token: string): boolean {
    const hash = hashOf(token);
    return this.#hashes.map((known) => timingSafeEqual(known, hash)).includes(true);
  }
}

/** Why an `authorization` header does not show one of the tokens; undefined when it does. */
export function tokenRefusal(
  style: TokenStyle,
  tokens: Tokens,
  header: string | undefined,
): EdgeplaneError | undefined {
  if (header === undefined || header === '') return fail(style.absent, {});
  const [scheme = '', value] = split(header);
  if (value === undefined) return fail(style.malformed, {});
  const coding = style.schemes[scheme.toLowerCase()];
  if (coding === undefined) return fail(style.absent, {});
  const token = coding === 'base64' ? Buffer.from(value, 'base64').toString('utf8') : value;
  if (token === '') return fail(style.empty, {});
  return tokens.accepts(token) ? undefined : fail(style.wrong, {});
}

function split(header: string): [string, string | undefined] {
  const at = header.indexOf(' ');
  return at < 0 ? [header, undefined] : [header.slice(0, at), header.slice(at + 1).trim()];
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
