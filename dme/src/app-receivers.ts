import type { Logger } from '@edgeplane/base';
import type { Receiver } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { Breathe } from './breather.js';
import type { AppTable } from './tables.js';

/**
 * Feeds the table from a controller. While there is no connection the table stays as it is; what a new session does
 * not send again is dropped at its end of sync (match engine spec section 2.1). However much comes at once, clients are
 * answered in between.
 */
export function appReceiver(table: AppTable, breathe: Breathe, logger: Logger): Receiver<App, AppKey> {
  return {
    type: OBJECTS.App,
    onUpdate(app, _peer, keyJson = OBJECTS.App.keyJsonOf(app), received) {
      logger.debug({ app: keyJson }, 'App');
      table.putApp(app, keyJson, received?.bytes);
      return breathe();
    },
    onDelete(_key, keyJson) {
      logger.debug({ app: keyJson }, 'App gone');
      table.deleteApp(keyJson);
      return breathe();
    },
    async onSynced(valid) {
      for (const keyJson of [...table.appKeys()]) {
        if (!valid.has(keyJson)) table.deleteApp(keyJson);
        await breathe();
      }
    },
  };
}

/** The same for AppInsts. */
export function appInstReceiver(
  table: AppTable,
  breathe: Breathe,
  logger: Logger,
): Receiver<AppInst, AppInstKey> {
  return {
    type: OBJECTS.AppInst,
    onUpdate(inst, _peer, keyJson = OBJECTS.AppInst.keyJsonOf(inst), received) {
      logger.debug({ inst: keyJson, uri: inst.uri }, 'AppInst');
      table.putInst(inst, keyJson, received?.bytes);
      return breathe();
    },
    onDelete(_key, keyJson) {
      logger.debug({ inst: keyJson }, 'AppInst gone');
      table.deleteInst(keyJson);
      return breathe();
    },
    async onSynced(valid) {
      for (const keyJson of [...table.instanceKeys()]) {
        if (!valid.has(keyJson)) table.deleteInst(keyJson);
        await breathe();
      }
    },
  };
}
