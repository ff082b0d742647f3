import type { Clock } from '@edgeplane/base';
import type { Answer, Asked } from './http-service.js';
import { makeToken, TOKEN_SECONDS } from './location-token.js';

const HELP = `Token server simulator
GET /its?followURL=U         redirects to U?dt-id=<token>
GET /itsexpired?followURL=U  the same with a token that has expired
`;
/** How long an expired token has been so, seconds. */
const EXPIRED_SECONDS = 10;

/** What the token server simulator answers (match engine spec section 7.3). `fixed`: a token for everybody; empty for none. */
export function answerTokSrv(clock: Clock, fixed: string, { method, url, caller }: Asked): Answer {
  if (url.pathname === '/') return { status: 200, body: HELP };
  const now = Math.floor(clock.now() / 1000);
  const expires = { '/its': now + TOKEN_SECONDS, '/itsexpired': now - EXPIRED_SECONDS }[url.pathname];
  if (expires === undefined) return { status: 404, body: 'not found\n' };
  if (method !== 'GET') return { status: 405, body: 'use GET\n' };
  const follow = url.searchParams.get('followURL') ?? '';
  if (follow === '') return { status: 400, body: 'no followURL\n' };
  const location = `${follow}?dt-id=${fixed || makeToken(caller, expires)}`;
  return { status: 303, body: '', headers: { location } };
}
