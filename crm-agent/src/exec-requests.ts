import { messageOf } from '@edgeplane/base';
import type { MessageReceiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { needsCluster } from './cluster-kind.js';
import type { Driver } from './drivers/driver.js';
import type { DesiredTables } from './tables.js';

/** Opens a session for a shell command and answers its offer; the answer is a session description, JSON. */
export type AnswerOffer = (argv: readonly string[], offer: string) => Promise<string>;

export interface ExecOptions {
  readonly tables: DesiredTables;
  readonly driver: Driver;
  readonly reply: (message: ExecRequest) => void;
  /** Undefined when this agent opens no shells. */
  readonly answerOffer: AnswerOffer | undefined;
  /** Key JSON of this agent's cloudlet. */
  readonly cloudletKeyJson: string;
}

/**
 * Takes ExecRequests (spec section 12.2, step 3). Each is answered with `answer` or `err` set, off the receiving path.
 * Requests for instances of other cloudlets are left to their agents: every agent hears every request.
 */
export function execReceiver(options: ExecOptions): MessageReceiver<ExecRequest> {
  return {
    typeName: 'edgeproto.ExecRequest',
    async onMessage(request) {
      // Replies of other agents come by here too.
      if (request.answer !== '' || request.err !== '') return;
      const cloudlet = request.appInstKey?.clusterInstKey?.cloudletKey;
      if (cloudlet && OBJECTS.Cloudlet.keyJson(cloudlet) !== options.cloudletKeyJson) return;
      options.reply(await answer(request, options));
    },
  };
}

async function answer(request: ExecRequest, options: ExecOptions): Promise<ExecRequest> {
  try {
    const argv = await commandOf(request, options);
    if (!options.answerOffer) throw new Error('this agent opens no remote shells');
    return { ...request, answer: await options.answerOffer(argv, request.offer) };
  } catch (error) {
    return { ...request, err: messageOf(error) };
  }
}

async function commandOf(request: ExecRequest, { tables, driver }: ExecOptions): Promise<readonly string[]> {
  const key = OBJECTS.AppInst.key({ ...OBJECTS.AppInst.empty(), key: request.appInstKey });
  const keyJson = OBJECTS.AppInst.keyJson(key ?? OBJECTS.AppInst.key(OBJECTS.AppInst.empty()));
  if (!key || !tables.appInsts.get(keyJson)) throw new Error(`app inst ${keyJson} not found`);
  const appKeyJson = OBJECTS.App.keyJsonOf({ ...OBJECTS.App.empty(), key: key.appKey });
  const app = tables.apps.get(appKeyJson);
  if (!app) throw new Error(`app ${appKeyJson} not found`);
  const clusterKeyJson = OBJECTS.ClusterInst.keyJsonOf({
    ...OBJECTS.ClusterInst.empty(),
    key: key.clusterInstKey,
  });
  if (needsCluster(app.deployment) && !tables.clusterInsts.get(clusterKeyJson))
    throw new Error(`cluster inst ${clusterKeyJson} not found`);
  return driver.containerCommand(keyJson, request.containerId, request.command);
}
