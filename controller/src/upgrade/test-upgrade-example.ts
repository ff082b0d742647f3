import type { Upgrade } from './upgrade.js';

/** To version 1: turns the example's entries around, key for value. */
export const testUpgradeExample: Upgrade = {
  name: 'TestUpgradeExample',
  prefix: () => '_testdatakey/',
  convert: ({ key, value }) => [
    { type: 'delete', key },
    { type: 'put', key: value, value: key },
  ],
};
