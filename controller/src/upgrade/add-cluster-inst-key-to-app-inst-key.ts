import { writeJson } from '@edgeplane/objects';
import { objectKey } from '../db/store-keys.js';
import { appKey, clusterInstKey, rebuildAppInst, rebuildPort } from './app-inst-shape.js';
import { member, objectMember, parseObject } from './stored-json.js';
import type { Upgrade } from './upgrade.js';

/**
 * To version 3: an AppInst is named by its App and ClusterInst instead of App, Cloudlet and a number. The ClusterInst
 * comes from beside the key; its Cloudlet is the one of the old key. Instances that differed only in the number become
 * one: the last in the order of keys.
 */
export const addClusterInstKeyToAppInstKey: Upgrade = {
  name: 'AddClusterInstKeyToAppInstKey',
  prefix: (region) => objectKey(region, 'AppInst', ''),
  convert(entry, region) {
    const old = parseObject(entry.value);
    const oldKey = objectMember(old, 'key');
    // Already of the new form; converting it again would lose its ClusterInst.
    if (member(oldKey, 'cluster_inst_key') !== undefined) return [];
    if (member(oldKey, 'app_key') === undefined) throw new Error('key: has no app_key');
    const key = {
      app_key: appKey(objectMember(oldKey, 'app_key')),
      cluster_inst_key: clusterInstKey(
        objectMember(old, 'cluster_inst_key'),
        objectMember(oldKey, 'cloudlet_key'),
      ),
    };
    const value = rebuildAppInst(old, {
      key,
      runtimeInfo: {},
      port: (port) => rebuildPort(port, 'FQDN_prefix'),
      drop: ['cluster_inst_key'],
    });
    return [
      { type: 'delete', key: entry.key },
      { type: 'put', key: objectKey(region, 'AppInst', writeJson(key)), value: writeJson(value) },
    ];
  },
};
