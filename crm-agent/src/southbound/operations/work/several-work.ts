import { fail, isKind, messageOf } from '@edgeplane/base';
import {
  isFinished,
  type Json,
  type OperationLog,
  type OperationRecord,
  type RunContext,
  type Success,
  workErrors,
} from '../../work/index.js';
import { operationsErrors } from '../errors.js';
import { hypervisorLane, KINDS, type SeveralWork } from './kinds.js';

/** Bringing several hypervisors up or down: an operation for each, and one that waits for them all. */
export function registerSeveralWork(log: OperationLog): void {
  log.register(KINDS.createHypervisors, {
    takesWorker: false,
    run: (record, context) => runSeveral(log, record, context, KINDS.createHypervisor, ({ id }) => ({ id })),
  });
  log.register(KINDS.destroyHypervisors, {
    takesWorker: false,
    run: (record, context) =>
      runSeveral(log, record, context, KINDS.destroyHypervisor, ({ id, force, graceSeconds }) => ({
        ...{ id, force, graceSeconds },
      })),
  });
}

interface One {
  readonly id: string;
  readonly force: boolean;
  readonly graceSeconds: number;
}

async function runSeveral(
  log: OperationLog,
  record: OperationRecord,
  context: RunContext,
  kind: string,
  requestOf: (one: One) => Json,
): Promise<Success> {
  const { ids, force, graceSeconds } = record.request as SeveralWork;
  const { signal } = context;
  const told = new Map<string, string>(ids.map((id) => [id, 'queued']));
  const tell = (id: string, text: string, over: number) => {
    told.set(id, text);
    context.progress((over / ids.length) * 1000, [...told].map(([one, now]) => `${one}: ${now}`).join('; '));
  };
  let over = 0;
  const reasons: string[] = [];
  const mine = ({ requestId }: OperationRecord) => requestId.startsWith(`${record.id}/`);
  const cancels: Promise<unknown>[] = [];
  const onAbort = () => {
    // The children of an agent that stops stop with it, and go on with it.
    if (isKind(signal.reason, workErrors.STOPPING)) return;
    for (const child of log.list().filter(mine)) cancels.push(log.cancel(child.id).catch(() => undefined));
  };
  const follow = async (id: string) => {
    try {
      const request = requestOf({ id, force, graceSeconds });
      // The key makes a parent that runs again find the children that it had.
      const requestId = `${record.id}/${id}`;
      const lanes = [hypervisorLane(id)];
      const child = await log.submit({ kind, subject: id, lanes, request, requestId, owner: record.owner });
      if (signal.aborted) onAbort();
      for await (const now of log.watch(child.id)) {
        if (isFinished(now)) over += 1;
        tell(id, now.message, over);
        if (now.state === 'failed') reasons.push(`${id}: ${now.message}`);
      }
    } catch (error) {
      over += 1;
      reasons.push(`${id}: ${messageOf(error)}`);
    }
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.all(ids.map(follow));
  } finally {
    signal.removeEventListener('abort', onAbort);
    await Promise.all(cancels);
  }
  signal.throwIfAborted();
  if (reasons.length > 0)
    throw fail(operationsErrors.IDS_FAILED, {
      ...{ failed: reasons.length, all: ids.length, reasons: reasons.sort().join('; ') },
    });
  return { message: `${ids.length} done: ${ids.join(', ')}`, result: { ids: ids.join(',') } };
}
