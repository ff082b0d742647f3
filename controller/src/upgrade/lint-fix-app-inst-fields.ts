import { writeJson } from '@edgeplane/objects';
import { objectKey } from '../db/store-keys.js';
import { rebuildAppInst, rebuildPort } from './app-inst-shape.js';
import { objectMember, parseObject } from './stored-json.js';
import type { Upgrade } from './upgrade.js';

/** To version 4: `FQDN_prefix` of ports is `fqdn_prefix`, and enums are spelt by camel name (`LProtoTcp`). */
export const lintFixAppInstFields: Upgrade = {
  name: 'LintFixAppInstFields',
  prefix: (region) => objectKey(region, 'AppInst', ''),
  convert(entry) {
    const old = parseObject(entry.value);
    const value = rebuildAppInst(old, {
      key: objectMember(old, 'key'),
      runtimeInfo: objectMember(old, 'runtime_info'),
      port: (port) => rebuildPort(port, 'fqdn_prefix'),
      drop: [],
    });
    const text = writeJson(value);
    return text === entry.value ? [] : [{ type: 'put', key: entry.key, value: text }];
  },
};
