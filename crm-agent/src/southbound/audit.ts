import type { Clock } from '@edgeplane/base';
import { AuditLog } from '@edgeplane/rpc';

/** Calls that only read; clients poll them for every machine they have. */
const READS = /\/(Describe|List|Get|Validate|TaskStatus|Watch|Show)\w*$/;

/** Members that name what a call is about. Others may hold a password, a key or a whole user-data, and are not logged. */
const NAMING = new Set([
  ...[
    'id',
    'ids',
    'uid',
    'name',
    'namespace',
    'vmId',
    'snapshotId',
    'sourceVmId',
    'diskId',
    'operationId',
    'podName',
    'containerName',
  ],
  ...['targetName', 'nameHint', 'linked', 'op', 'format', 'poolId', 'backupId', 'requestId'],
]);
/** Messages in which such members are found. */
const NAMED = new Set(['microvm', 'pod', 'task']);

/** The audit of doors: calls that change something, by what they name. */
export function doorAudit(clock: Clock): AuditLog {
  return new AuditLog({
    clock,
    covers: (path) => !READS.test(path),
    redact: (_path, request) => ({ shown: namedOf(request), secrets: [] }),
  });
}

function namedOf(message: unknown): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  if (typeof message !== 'object' || message === null) return shown;
  for (const [name, value] of Object.entries(message)) {
    if (NAMING.has(name) && typeof value !== 'object') shown[name] = value;
    else if (NAMING.has(name) && Array.isArray(value))
      shown[name] = value.filter((item) => typeof item !== 'object');
    else if (NAMED.has(name)) shown[name] = namedOf(value);
  }
  return shown;
}
