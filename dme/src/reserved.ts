import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';

/** Operators of public clouds, in the order in which they are asked (match engine spec sections 4.2 and 8.1). */
export const PUBLIC_CLOUDS = ['azure', 'gcp'] as const;

/** Operator of instances that developers run themselves. */
export const DEVELOPER_OPERATOR = 'developer';

const DEFAULT_CLOUDLET = 'default';
const PLATFORM_DEVELOPER = 'platos';
const PLATFORM_APP = 'PlatosEnablingLayer';

/** An App that answers for others: it has no instances of its own to find. Its version does not matter. */
export function isPlatformApp(key: AppKey): boolean {
  return key.developerKey?.name === PLATFORM_DEVELOPER && key.name === PLATFORM_APP;
}

/** The cloudlet of default instances, which is nowhere. */
export function isDefaultCloudlet(key: CloudletKey | undefined): boolean {
  return key?.operatorKey?.name === DEVELOPER_OPERATOR && key.name === DEFAULT_CLOUDLET;
}

/** Carriers that every client may be shown, whatever its own. */
export function isSharedCarrier(carrier: string): boolean {
  return carrier === DEVELOPER_OPERATOR || PUBLIC_CLOUDS.some((cloud) => cloud === carrier);
}
