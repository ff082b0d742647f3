import { fail } from '@edgeplane/base';
import { StorageSizeRequest } from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import { OperationsServiceService } from '@edgeplane/proto/southbound/isard/operations/v1/operations.js';
import { type RpcContext, type Send, type ServiceHandlers, serverStream, unary } from '@edgeplane/rpc';
import type { Catalogue } from '../backups/catalogue.js';
import { operationsErrors } from '../errors.js';
import type { Inspector } from '../hypervisors/inspector.js';
import type { Pools } from '../pools/pools.js';
import { type GivenSize, meantSize } from '../storage-size.js';
import { type Managed, managedOf } from '../work/hypervisor-work.js';
import { hypervisorLane, KINDS, poolLane } from '../work/kinds.js';
import { type Asked, type BeginOptions, begin } from './begin.js';
import { checkGrace, checkId, checkIds, checkText } from './checks.js';
import { listHypervisors } from './listing.js';
import { type Progress, toProgress, toRefusal } from './messages.js';

export interface OperationsServiceOptions extends BeginOptions {
  readonly hypervisors: ReadonlyMap<string, Managed>;
  readonly inspector: Inspector;
  readonly pools: Pools;
  readonly catalogue: Catalogue;
}

/**
 * IsardVDI's OperationsService. On the wire the sizes of two requests are read 64 bits wide, so that a large number of a client
 * that was built so is not cut off (IsardVDI spec section A7).
 */
export const WIDE_OPERATIONS_SERVICE = {
  ...OperationsServiceService,
  expandStorage: {
    ...OperationsServiceService.expandStorage,
    requestDeserialize: (bytes: Buffer) => StorageSizeRequest.decode(bytes),
    requestSerialize: (request: StorageSizeRequest) =>
      Buffer.from(StorageSizeRequest.encode(request).finish()),
  },
  shrinkStorage: {
    ...OperationsServiceService.shrinkStorage,
    requestDeserialize: (bytes: Buffer) => StorageSizeRequest.decode(bytes),
    requestSerialize: (request: StorageSizeRequest) =>
      Buffer.from(StorageSizeRequest.encode(request).finish()),
  },
} as const;

export function operationsService(
  options: OperationsServiceOptions,
): ServiceHandlers<typeof WIDE_OPERATIONS_SERVICE> {
  const { log, clock, hypervisors, inspector, pools, catalogue } = options;

  const streamed = <Req extends { readonly requestId: string }>(asked: (request: Req) => Asked) =>
    serverStream<Req, Progress>(({ ...request }, send, context) => answer(request, asked, send, context));

  const answer = <Req extends { readonly requestId: string }>(
    request: Req,
    asked: (request: Req) => Asked,
    send: Send<Progress>,
    context: RpcContext,
  ) =>
    begin(
      options,
      { requestId: request.requestId, context },
      () => asked(request),
      (record) => send(toProgress(record, log.ahead(record.id))),
      async ({ code, message }) => {
        for (const progress of toRefusal(code, message, clock.now())) await send(progress);
      },
    );

  const resize = (kind: string, field: GivenSize['field']) => (request: StorageSizeRequest) => {
    const bytes = meantSize({ field, bytes: request.bytes, bytes64: request.bytes64 });
    const pool = pools.idOf(request.poolId);
    // Looking changes nothing, and need not wait for those who do.
    const lanes = request.dryRun ? [] : [poolLane(pool)];
    return { kind, subject: pool, lanes, request: { pool, bytes: String(bytes), dryRun: request.dryRun } };
  };

  const known = (id: string) => {
    managedOf(hypervisors, checkId('id', id, 'a hypervisor'));
    return id;
  };

  const several = (given: readonly string[]) => {
    const ids = checkIds(given);
    const unknown = ids.filter((id) => !hypervisors.has(id));
    if (unknown.length > 0) throw fail(operationsErrors.UNKNOWN_HYPERVISOR, { id: unknown.join(', ') });
    return ids;
  };

  return {
    listHypervisors: unary(() => ({ hypervisors: listHypervisors(hypervisors, inspector, log) })),

    createHypervisor: streamed(({ id }) => ({
      ...{ kind: KINDS.createHypervisor, subject: known(id), lanes: [hypervisorLane(id)], request: { id } },
    })),

    createHypervisors: streamed((request) => {
      const ids = several(request.ids);
      const kind = KINDS.createHypervisors;
      return { kind, subject: ids.join(','), lanes: [], request: { ids, force: false, graceSeconds: 0 } };
    }),

    destroyHypervisor: streamed(({ id, force, graceSeconds }) => ({
      ...{ kind: KINDS.destroyHypervisor, subject: known(id), lanes: [hypervisorLane(id)] },
      request: { id, force, graceSeconds: checkGrace(graceSeconds) },
    })),

    destroyHypervisors: streamed(({ ids: given, force, graceSeconds }) => {
      const ids = several(given);
      const request = { ids, force, graceSeconds: checkGrace(graceSeconds) };
      return { kind: KINDS.destroyHypervisors, subject: ids.join(','), lanes: [], request };
    }),

    expandStorage: streamed(resize(KINDS.expandStorage, 'min_bytes')),

    shrinkStorage: streamed(resize(KINDS.shrinkStorage, 'max_bytes')),

    createBackup: streamed(({ poolId, target: given, label }) => {
      const pool = pools.idOf(poolId);
      const target = catalogue.target(given).id;
      const request = { pool, target, label: checkText('label', label) };
      return { kind: KINDS.createBackup, subject: pool, lanes: [poolLane(pool)], request };
    }),
  };
}
