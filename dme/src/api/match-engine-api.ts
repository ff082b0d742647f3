import type { FindCloudletRequest, MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { type RpcContext, type ServiceHandlers, serverStream, unary } from '@edgeplane/rpc';
import type { Session } from '../sessions.js';
import type { CallStats, Method } from '../stats/call-stats.js';
import type { Engine } from './engine.js';
import { findCloudlet } from './find-cloudlet.js';
import { getAppInstList } from './get-app-inst-list.js';
import { getFqdnList } from './get-fqdn-list.js';
import { getLocation } from './get-location.js';
import { addUserToGroup } from './groups-api.js';
import { registerClient } from './register-client.js';
import { reportLatency } from './report-latency.js';
import { withoutSession, withSession } from './served.js';
import { verifyLocation } from './verify-location.js';
import { watchCloudlet } from './watch-cloudlet.js';

/** The handlers of `distributed_match_engine.MatchEngineApi`. */
export function matchEngineApi(engine: Engine): ServiceHandlers<typeof MatchEngineApiService> {
  const { table, stats } = engine;
  /** Every call but RegisterClient needs a cookie, and is turned away without looking at anything else. */
  const call = <Req extends { sessionCookie: string }, Res>(
    method: Method,
    fn: (request: Req, session: Session, context: RpcContext) => Res | Promise<Res>,
  ) => unary<Req, Res>(withSession(engine, method, fn));
  return {
    registerClient: unary(
      withoutSession(engine, (request, { peer }) => registerClient(engine, request, peer)),
    ),
    findCloudlet: call('FindCloudlet', (request, { app }) => {
      const reply = findCloudlet(engine, request, app);
      noteDemand(stats, request, app);
      return reply;
    }),
    verifyLocation: call('VerifyLocation', (request, { app }, context) =>
      verifyLocation(engine, request, app, context),
    ),
    getAppInstList: call('GetAppInstList', (request, { app }) => getAppInstList(table, request, app)),
    getFqdnList: call('GetFqdnList', (_request, { app }) => getFqdnList(table, app)),
    getLocation: call('GetLocation', (request) => getLocation(request)),
    addUserToGroup: call('AddUserToGroup', (request, session) => addUserToGroup(engine, request, session)),
    watchCloudlet: serverStream((request, send, context) => watchCloudlet(engine, request, send, context)),
    reportLatency: call('ReportLatency', (request, { app }, { peer }) =>
      reportLatency(engine, request, app, peer),
    ),
  };
}

/** Remembers from where which App was looked for: what a session asks for, or else its own. */
function noteDemand(stats: CallStats, request: FindCloudletRequest, own: AppKey): void {
  const { devName, appName, appVers, gpsLocation } = request;
  if (!gpsLocation) return;
  const counts =
    appName === ''
      ? stats.of(own.developerKey?.name ?? '', own.name, own.version)
      : stats.of(devName, appName, appVers);
  counts.lookedFrom(gpsLocation);
}
