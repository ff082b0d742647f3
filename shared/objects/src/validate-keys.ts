import { fail } from '@edgeplane/base';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterKey } from '@edgeplane/proto/edgeproto/cluster.js';
import type { ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { ControllerKey } from '@edgeplane/proto/edgeproto/controller.js';
import type { DeveloperKey } from '@edgeplane/proto/edgeproto/developer.js';
import type { FlavorKey } from '@edgeplane/proto/edgeproto/flavor.js';
import type { NodeKey } from '@edgeplane/proto/edgeproto/node.js';
import type { OperatorKey } from '@edgeplane/proto/edgeproto/operator.js';
import { objectErrors } from './errors.js';

/** Names of developers, operators, flavors, cloudlets, Apps, and App versions (controller spec section 9.1). */
const NAME = /^[0-9a-zA-Z][-_0-9a-zA-Z .&,!]*$/;
/** Names of clusters. */
const KUBERNETES_NAME = /^[0-9a-zA-Z][-0-9a-zA-Z.]*$/;

export function isValidName(name: string): boolean {
  return NAME.test(name);
}

export function isValidKubernetesName(name: string): boolean {
  return KUBERNETES_NAME.test(name);
}

function check(ok: boolean, text: string): void {
  if (!ok) throw fail(objectErrors.INVALID_KEY, { text });
}

export function validateDeveloperKey(key: DeveloperKey | undefined): void {
  check(isValidName(key?.name ?? ''), 'Invalid developer name');
}

export function validateOperatorKey(key: OperatorKey | undefined): void {
  check(isValidName(key?.name ?? ''), 'Invalid operator name');
}

export function validateFlavorKey(key: FlavorKey | undefined): void {
  check(isValidName(key?.name ?? ''), 'Invalid flavor name');
}

export function validateClusterKey(key: ClusterKey | undefined): void {
  check(isValidKubernetesName(key?.name ?? ''), 'Invalid cluster name');
}

export function validateCloudletKey(key: CloudletKey | undefined): void {
  validateOperatorKey(key?.operatorKey);
  check(isValidName(key?.name ?? ''), 'Invalid cloudlet name');
}

export function validateAppKey(key: AppKey | undefined): void {
  check(isValidName(key?.name ?? ''), 'Invalid app name');
  check(isValidName(key?.version ?? ''), 'Invalid app version string');
  validateDeveloperKey(key?.developerKey);
}

/** The developer of a ClusterInst is not part of this check: auto-clusters get theirs later. */
export function validateClusterInstKey(key: ClusterInstKey | undefined): void {
  validateClusterKey(key?.clusterKey);
  validateCloudletKey(key?.cloudletKey);
}

export function validateAppInstKey(key: AppInstKey | undefined): void {
  validateAppKey(key?.appKey);
  validateClusterInstKey(key?.clusterInstKey);
}

export function validateControllerKey(key: ControllerKey | undefined): void {
  check((key?.addr ?? '') !== '', 'Invalid address');
}

export function validateNodeKey(key: NodeKey | undefined): void {
  check((key?.name ?? '') !== '', 'Invalid node name');
  validateCloudletKey(key?.cloudletKey);
}
