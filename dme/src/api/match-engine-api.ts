import type { MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { type RpcContext, type ServiceHandlers, unary } from '@edgeplane/rpc';
import type { Session } from '../sessions.js';
import type { Engine } from './engine.js';
import { findCloudlet } from './find-cloudlet.js';
import { getAppInstList } from './get-app-inst-list.js';
import { getFqdnList } from './get-fqdn-list.js';
import { getLocation } from './get-location.js';
import { addUserToGroup } from './groups-api.js';
import { registerClient } from './register-client.js';
import { verifyLocation } from './verify-location.js';

/** The handlers of `distributed_match_engine.MatchEngineApi`. */
export function matchEngineApi(engine: Engine): ServiceHandlers<typeof MatchEngineApiService> {
  /** Every call but RegisterClient needs a cookie, and is turned away without looking at anything else. */
  const withSession = <Req extends { sessionCookie: string }, Res>(
    fn: (request: Req, session: Session, context: RpcContext) => Res | Promise<Res>,
  ) =>
    unary<Req, Res>((request, context) => {
      const session = engine.sessions.verify(request.sessionCookie);
      // Most cookies are known, and their calls answered at once.
      if (!(session instanceof Promise)) return fn(request, session, context);
      return session.then((checked) => fn(request, checked, context));
    });

  const { table } = engine;
  return {
    registerClient: unary((request, { peer }) => registerClient(engine, request, peer)),
    findCloudlet: withSession((request, { app }) => findCloudlet(table, request, app)),
    verifyLocation: withSession((request, { app }, context) => verifyLocation(engine, request, app, context)),
    getAppInstList: withSession((request, { app }) => getAppInstList(table, request, app)),
    getFqdnList: withSession((_request, { app }) => getFqdnList(table, app)),
    getLocation: withSession((request) => getLocation(request)),
    addUserToGroup: withSession((request, session) => addUserToGroup(engine, request, session)),
  };
}
