import { messageOf } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { type CloudletInfo, type CloudletKey, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { Driver } from './drivers/driver.js';
import { texts } from './texts.js';

/**
 * What is reported of the site (spec section 9.3). A site whose limits cannot be found out is reported with the reason
 * and is online all the same.
 */
export async function gatherCloudletInfo(
  key: CloudletKey,
  driver: Driver,
  signal: AbortSignal,
): Promise<CloudletInfo> {
  const info: CloudletInfo = {
    ...OBJECTS.CloudletInfo.withKey(key),
    updatesAppInsts: driver.capabilities.appUpdate,
    publishesVmPorts: driver.capabilities.publishesVmPorts,
  };
  try {
    const limits = await driver.gatherInfo(signal);
    return {
      ...info,
      state: CloudletState.CLOUDLET_STATE_READY,
      osMaxRam: limits.ram,
      osMaxVcores: limits.vcores,
      osMaxVolGb: limits.disk,
      limitsBinding: limits.binding,
      flavors: [...limits.flavors],
      devices: [...(limits.devices ?? [])],
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      ...info,
      state: CloudletState.CLOUDLET_STATE_ERRORS,
      errors: [texts.getLimitsFailed(messageOf(error))],
    };
  }
}
