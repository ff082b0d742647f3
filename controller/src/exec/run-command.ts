import { type EdgeplaneError, fail } from '@edgeplane/base';
import { cloudletStateProtoName, trackedStateName } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import { CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { cloudletKeyText } from '../operations/cloudlet-ready.js';
import type { ServedCall } from '../peers/peer-call.js';

/** How long any controller may take, milliseconds (controller spec section 18.3). */
const DEADLINE_MS = 8000;

type Call = ServedCall<ExecRequest, ExecRequest>;

/**
 * Refuses what no agent could do.
 * @throws EdgeplaneError EXEC_NO_KEY, EXEC_NO_OFFER, EXEC_APP_INST_MISSING, EXEC_APP_INST_NOT_READY
 */
export function checkRequest({ caches }: ControllerContext, request: ExecRequest): void {
  if (!request.appInstKey) throw fail(controllerErrors.EXEC_NO_KEY);
  const key = OBJECTS.AppInst.keyJson(request.appInstKey);
  const appInst = caches.appInsts.get(key)?.value;
  if (!appInst) throw fail(controllerErrors.EXEC_APP_INST_MISSING, { key });
  if (appInst.state !== TrackedState.READY)
    throw fail(controllerErrors.EXEC_APP_INST_NOT_READY, { key, state: trackedStateName(appInst.state) });
  if (request.offer === '') throw fail(controllerErrors.EXEC_NO_OFFER);
}

/**
 * Gets the answer to an offer from the agent of its cloudlet, through the controller that the agent reported to; through
 * all of them when that one is not known, or says that the agent is not there.
 * @throws EdgeplaneError EXEC_REFUSED with the agent's own text, EXEC_NO_AGENT, EXEC_NO_ANSWER
 */
export async function runCommand(
  context: ControllerContext,
  call: Call,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<ExecRequest> {
  checkRequest(context, request);
  const cloudlet = request.appInstKey?.clusterInstKey?.cloudletKey;
  const info = cloudlet && context.caches.cloudletInfos.get(OBJECTS.Cloudlet.keyJson(cloudlet))?.value;
  const asked = { ...request, answer: '', err: '', requestId: '' };
  const heard: Heard = { refusals: [], errors: [] };
  // `<host>@<api address>`
  const owner = info?.controller.split('@').at(-1) ?? '';
  const first = owner === '' ? undefined : await ask(context, call, asked, signal, (c) => c === owner, heard);
  const notThere = heard.refusals.length === 0 && heard.errors.every((e) => e.status === 'UNAVAILABLE');
  const answer =
    first ?? (notThere ? await ask(context, call, asked, signal, (c) => c !== owner, heard) : undefined);
  if (answer !== undefined) return { ...request, answer, err: '' };

  signal.throwIfAborted();
  if (heard.refusals.length > 0)
    throw fail(controllerErrors.EXEC_REFUSED, { text: heard.refusals.join('; ') });
  const local = heard.errors.find((error) => error.status === 'RESOURCE_EXHAUSTED');
  if (local) throw local;
  if (heard.errors.some((error) => error.status !== 'UNAVAILABLE'))
    throw fail(controllerErrors.EXEC_NO_ANSWER);
  throw fail(controllerErrors.EXEC_NO_AGENT, {
    key: cloudletKeyText(cloudlet),
    state: cloudletStateProtoName(info?.state ?? CloudletState.CLOUDLET_STATE_NOT_PRESENT),
  });
}

/** What came in place of an answer: words of agents, and of controllers. */
interface Heard {
  readonly refusals: string[];
  readonly errors: EdgeplaneError[];
}

/** The first answer of some controllers; what else they say goes into `heard`. */
async function ask(
  { peers }: ControllerContext,
  call: Call,
  request: ExecRequest,
  signal: AbortSignal,
  among: (controller: string) => boolean,
  heard: Heard,
): Promise<string | undefined> {
  for await (const { reply, error } of peers.askAll(call, request, {
    deadlineMs: DEADLINE_MS,
    signal,
    among,
  })) {
    if (reply && reply.answer !== '') return reply.answer;
    if (reply && reply.err !== '') heard.refusals.push(reply.err);
    if (error) heard.errors.push(error);
  }
  return undefined;
}
