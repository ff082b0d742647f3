import { fail } from '@edgeplane/base';
import {
  type RegisterClientReply,
  type RegisterClientRequest,
  ReplyStatus,
} from '@edgeplane/proto/dme/app-client.js';
import { checkAuthToken } from '../app-auth.js';
import { dmeErrors } from '../errors.js';
import { peerIp } from '../peer-ip.js';
import { unixSeconds } from '../sessions.js';
import type { Engine } from './engine.js';

/** Starts a session for one App (match engine spec section 4.1). `peer` is the caller's transport address. */
export async function registerClient(
  engine: Engine,
  request: RegisterClientRequest,
  peer: string,
): Promise<RegisterClientReply> {
  if (request.devName === '') throw fail(dmeErrors.NO_DEV_NAME);
  if (request.appName === '') throw fail(dmeErrors.NO_APP_NAME);
  if (request.appVers === '') throw fail(dmeErrors.NO_APP_VERS);
  const app = { developerKey: { name: request.devName }, name: request.appName, version: request.appVers };
  const entry = engine.table.app(app);
  if (!entry) throw fail(dmeErrors.APP_NOT_FOUND);
  const check = () => checkAuthToken(app, entry.authPublicKey, request.authToken, unixSeconds(engine.clock));
  await (request.authToken === '' ? check() : engine.tokenChecks.run(check));
  return {
    ver: 0,
    status: ReplyStatus.RS_SUCCESS,
    sessionCookie: engine.sessions.issue({ app, peerIp: peerIp(peer) }),
    tokenServerUri: engine.tokenServerUrl,
  };
}
