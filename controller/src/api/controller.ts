import { OBJECTS } from '@edgeplane/objects';
import type { ControllerApiService } from '@edgeplane/proto/edgeproto/controller.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { showCache } from './show.js';

/** Running controllers (controller spec section 18.1). */
export function controllerApi(context: ControllerContext): ServiceHandlers<typeof ControllerApiService> {
  return { showController: showCache(OBJECTS.Controller, context.caches.controllers) };
}
