import { inArea } from '@edgeplane/base';
import type { NotifyClient } from '@edgeplane/notify';
import type { DmeConfig } from './config.js';
import { type FollowOptions, followControllers } from './follow.js';
import { remember } from './remembered.js';
import type { AppTable } from './tables.js';

/**
 * Fills the table with what an earlier life kept, and follows controllers from there; `start` is the caller's. What has to be
 * stopped is added to `running`.
 */
export async function followRemembered(
  config: DmeConfig,
  table: AppTable,
  options: Omit<FollowOptions, 'held'>,
  running: { stop(): Promise<void> }[],
): Promise<NotifyClient> {
  const { logger, clock, random } = options;
  const remembered = await remember(config, table, { logger: inArea(logger, 'dmedb'), clock, random });
  if (remembered) running.push(remembered);
  const client = followControllers(config, table, { ...options, held: remembered?.held ?? [] });
  remembered?.follow(client);
  running.push(client);
  return client;
}
