import { fail } from '@edgeplane/base';
import { OBJECTS, validateOperatorKey } from '@edgeplane/objects';
import type { Operator, OperatorApiService } from '@edgeplane/proto/edgeproto/operator.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { DEFAULT_OPERATOR } from '../names.js';
import { applyUpdate, forCreate, mutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.Operator;

/** Operators (controller spec section 10.2). */
export function operatorApi(context: ControllerContext): ServiceHandlers<typeof OperatorApiService> {
  return {
    createOperator: mutation(TYPE, (request) => create(context, request)),
    updateOperator: mutation(TYPE, (request) => update(context, request)),
    deleteOperator: mutation(TYPE, (request) => remove(context, request)),
    showOperator: showCache(TYPE, context.caches.operators),
  };
}

async function create({ db }: ControllerContext, request: Operator): Promise<void> {
  if (request.key?.name === DEFAULT_OPERATOR) throw fail(controllerErrors.OPERATOR_RESERVED);
  validateOperatorKey(request.key);
  await db.create(TYPE, forCreate(TYPE, request));
}

async function update({ db }: ControllerContext, request: Operator): Promise<void> {
  validateOperatorKey(request.key);
  await db.update(TYPE, TYPE.key(request), (stored) => applyUpdate(TYPE, stored, request));
}

async function remove({ db, caches }: ControllerContext, request: Operator): Promise<void> {
  const key = TYPE.key(request);
  const refuse = () => {
    if (caches.cloudlets.byIndex('operator', TYPE.keyJson(key)).length > 0) {
      throw fail(controllerErrors.OPERATOR_IN_USE);
    }
  };
  refuse();
  validateOperatorKey(key);
  await db.deleteUnused(TYPE, key, refuse);
}
