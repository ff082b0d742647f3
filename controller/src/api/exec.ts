import { ExecApiService } from '@edgeplane/proto/edgeproto/exec.js';
import { type ServiceHandlers, unary } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { ExecRelay } from '../exec/exec-relay.js';
import { runCommand } from '../exec/run-command.js';
import { unaryPeerCall } from '../peers/peer-call.js';

/**
 * Remote shells (controller spec section 18.3): offers go to agents and answers come back; the shell's bytes go past the
 * controller.
 */
export function execApi(
  context: ControllerContext,
  relay: ExecRelay,
): ServiceHandlers<typeof ExecApiService> {
  const sendLocal = context.peers.serve(
    unaryPeerCall(ExecApiService.sendLocalRequest, (request, signal) => relay.ask(request, signal)),
  );
  return {
    runCommand: unary((request, { signal }) => runCommand(context, sendLocal, request, signal)),
    sendLocalRequest: unary((request, { signal }) => relay.ask(request, signal)),
  };
}
