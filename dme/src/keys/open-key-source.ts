import type { Clock, Logger, Random } from '@edgeplane/base';
import type { Receiver } from '@edgeplane/notify';
import type { DmeConfig } from '../config.js';
import { ControllerKeys } from './controller-keys.js';
import { keptKeySource, keyFileSource } from './key-file.js';
import type { KeySource } from './key-ring.js';
import { VaultKeys } from './vault.js';

/** Where the keys come from by the configuration, and what notify is to hand over for that. */
export function openKeySource(
  { cookieKeys, cookieKeyFile, vault }: Pick<DmeConfig, 'cookieKeys' | 'cookieKeyFile' | 'vault'>,
  parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): { readonly source: KeySource; readonly receivers: readonly Receiver[] } {
  const { clock, logger } = parts;
  if (cookieKeys === 'vault') return { source: new VaultKeys(vault, parts), receivers: [] };
  if (cookieKeys === 'file') return { source: keyFileSource(cookieKeyFile, logger, clock), receivers: [] };
  if (cookieKeys === 'kept') return { source: keptKeySource(cookieKeyFile, logger, clock), receivers: [] };
  const source = new ControllerKeys(cookieKeyFile, logger, clock);
  return { source, receivers: [source.receiver as unknown as Receiver] };
}
