import type { Logger } from '@edgeplane/base';
import type { Receiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { AppTable } from './tables.js';

/**
 * Feeds the table from a controller. While there is no connection the table stays as it is; what a new session does
 * not send again is dropped at its end of sync (match engine spec section 2.1).
 */
export function appReceiver(table: AppTable, logger: Logger): Receiver<App, AppKey> {
  return {
    type: OBJECTS.App,
    onUpdate(app) {
      logger.debug({ app: OBJECTS.App.keyJsonOf(app) }, 'App');
      table.putApp(app);
    },
    onDelete(_key, keyJson) {
      logger.debug({ app: keyJson }, 'App gone');
      table.deleteApp(keyJson);
    },
    onSynced: (valid) => table.pruneApps(valid),
  };
}

/** The same for AppInsts. */
export function appInstReceiver(table: AppTable, logger: Logger): Receiver<AppInst, AppInstKey> {
  return {
    type: OBJECTS.AppInst,
    onUpdate(inst) {
      logger.debug({ inst: OBJECTS.AppInst.keyJsonOf(inst), uri: inst.uri }, 'AppInst');
      table.putInst(inst);
    },
    onDelete(_key, keyJson) {
      logger.debug({ inst: keyJson }, 'AppInst gone');
      table.deleteInst(keyJson);
    },
    onSynced: (valid) => table.pruneInsts(valid),
  };
}
