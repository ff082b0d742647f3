import { writeJson } from '@edgeplane/objects';
import { objectKey } from '../db/store-keys.js';
import { parseObject, textMember } from './stored-json.js';
import type { Upgrade } from './upgrade.js';

/** To version 5: ClusterInsts without a deployment are what they all were before, Kubernetes. */
export const addClusterInstDeploymentField: Upgrade = {
  name: 'AddClusterInstDeploymentField',
  prefix: (region) => objectKey(region, 'ClusterInst', ''),
  convert(entry) {
    const old = parseObject(entry.value);
    if (textMember(old, 'deployment') !== undefined) return [];
    const value = writeJson({ ...old, deployment: 'kubernetes' }, { sortMembers: true });
    return [{ type: 'put', key: entry.key, value }];
  },
};
