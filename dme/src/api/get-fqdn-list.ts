import { fail } from '@edgeplane/base';
import { type AppFqdn, type FqdnListReply, FqdnListReply_FLStatus } from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { dmeErrors } from '../errors.js';
import { DEVELOPER_OPERATOR, isDefaultCloudlet, isPlatformApp } from '../reserved.js';
import type { AppTable } from '../tables.js';

/**
 * Lists the default instances of Apps that platform apps may ask for; for platform apps only (match engine spec
 * section 4.6).
 */
export function getFqdnList(table: AppTable, own: AppKey): FqdnListReply {
  if (!isPlatformApp(own))
    throw fail(dmeErrors.NOT_A_PLATFORM_APP, { dev: own.developerKey?.name ?? '', app: own.name });
  const appFqdns: AppFqdn[] = [];
  for (const entry of table.apps()) {
    if (isPlatformApp(entry.key) || !entry.permitsPlatformApps) continue;
    for (const instance of entry.candidates(DEVELOPER_OPERATOR)) {
      if (!isDefaultCloudlet(instance.cloudletKey)) continue;
      appFqdns.push({
        appName: entry.key.name,
        appVers: entry.key.version,
        devName: entry.key.developerKey?.name ?? '',
        fqdns: instance.uri.split(','),
        androidPackageName: entry.androidPackageName,
      });
    }
  }
  return { ver: 0, appFqdns, status: FqdnListReply_FLStatus.FL_SUCCESS };
}
