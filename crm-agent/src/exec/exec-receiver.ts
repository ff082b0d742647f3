import { messageOf } from '@edgeplane/base';
import type { MessageReceiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { needsCluster } from '../cluster-kind.js';
import type { Driver } from '../drivers/driver.js';
import type { DesiredTables } from '../tables.js';
import type { ShellSessions } from './sessions.js';

export interface ExecOptions {
  readonly tables: DesiredTables;
  readonly driver: Pick<Driver, 'prepareShell'>;
  readonly reply: (message: ExecRequest) => void;
  readonly sessions: Pick<ShellSessions, 'answer'>;
  /** Key JSON of this agent's cloudlet. */
  readonly cloudletKeyJson: string;
}

/**
 * Takes ExecRequests (CRM spec section 12.2, step 3). Each is answered with `answer` or `err` set, off the receiving path.
 * Requests for instances of other cloudlets are left to their agents: an older controller sends every agent every request.
 */
export function execReceiver(options: ExecOptions): MessageReceiver<ExecRequest> {
  return {
    typeName: 'edgeproto.ExecRequest',
    onMessage(request) {
      // Replies of other agents come by here too.
      if (request.answer !== '' || request.err !== '') return;
      const cloudlet = request.appInstKey?.clusterInstKey?.cloudletKey;
      if (cloudlet && OBJECTS.Cloudlet.keyJson(cloudlet) !== options.cloudletKeyJson) return;
      // Podman may take its time, which the objects that come after it must not.
      void answer(request, options).then(options.reply);
    },
  };
}

/** Never rejects. */
async function answer(request: ExecRequest, options: ExecOptions): Promise<ExecRequest> {
  try {
    const keyJson = runningInstance(request, options.tables);
    const { containerId, command, plain } = request;
    const start = await options.driver.prepareShell({ keyJson, containerId, command, plain });
    return { ...request, answer: await options.sessions.answer(keyJson, start, request.offer) };
  } catch (error) {
    return { ...request, err: messageOf(error) };
  }
}

/** Key JSON of the instance asked for; whether it runs is known to the driver. @throws with the texts of the reference */
function runningInstance(request: ExecRequest, tables: DesiredTables): string {
  const key = request.appInstKey ?? OBJECTS.AppInst.key(OBJECTS.AppInst.empty());
  const keyJson = OBJECTS.AppInst.keyJson(key);
  if (!request.appInstKey || !tables.appInsts.get(keyJson)) throw new Error(`app inst ${keyJson} not found`);
  const appKeyJson = OBJECTS.App.keyJsonOf({ ...OBJECTS.App.empty(), key: key.appKey });
  const app = tables.apps.get(appKeyJson);
  if (!app) throw new Error(`app ${appKeyJson} not found`);
  const clusterKeyJson = OBJECTS.ClusterInst.keyJsonOf({
    ...OBJECTS.ClusterInst.empty(),
    key: key.clusterInstKey,
  });
  if (needsCluster(app.deployment) && !tables.clusterInsts.get(clusterKeyJson))
    throw new Error(`cluster inst ${clusterKeyJson} not found`);
  return keyJson;
}
