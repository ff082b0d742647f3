import { addClusterInstDeploymentField } from './add-cluster-inst-deployment-field.js';
import { addClusterInstKeyToAppInstKey } from './add-cluster-inst-key-to-app-inst-key.js';
import { lintFixAppInstFields } from './lint-fix-app-inst-fields.js';
import { testUpgradeExample } from './test-upgrade-example.js';
import type { Upgrade } from './upgrade.js';

/** Every upgrade function, oldest first. How to add one: docs/checklists/data-upgrade.md. */
export const UPGRADES: readonly Upgrade[] = [
  testUpgradeExample,
  addClusterInstKeyToAppInstKey,
  lintFixAppInstFields,
  addClusterInstDeploymentField,
];
