import type { AuditRecord } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { encodeEvent } from './event-json.js';

type Context = Pick<ControllerContext, 'bus' | 'clock' | 'random' | 'ownAddress'>;

/** Publishes audit records as events. Ids of calls begin anew with each process, ids of events do not. */
export function auditEvents(
  { bus, clock, random, ownAddress }: Context,
  region: number,
): (record: AuditRecord) => void {
  const life = Math.floor(random.next() * 36 ** 8).toString(36);
  return (record) => {
    const { phase, cmd } = record;
    const id = `audit.${life}.${record.id}.${phase}`;
    const data = encodeEvent({
      version: 1,
      id,
      time: new Date(clock.now()).toISOString(),
      region,
      controller: ownAddress(),
      state: undefined,
      audit: {
        call: BigInt(record.id),
        phase,
        cmd,
        client: record.client,
        user: record.user,
        ...details(record),
      },
    });
    bus.publish({ subject: `audit.${phase}.${cmd}`, id, data });
  };
}

function details(record: AuditRecord) {
  if (record.phase === 'start') {
    const request = JSON.stringify(record.request) ?? '';
    return { request, result: '', error: '', code: '', durationMs: 0n };
  }
  const { error, durationMs } = record;
  return {
    request: '',
    result: error ? 'failure' : 'success',
    error: error?.text ?? '',
    code: error?.code ?? '',
    durationMs: BigInt(durationMs),
  };
}
