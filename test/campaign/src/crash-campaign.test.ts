// test: timeout=240s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crashCampaign } from './crash-campaign.js';

test('controllers killed six times under load: nothing is leaked or lost', async () => {
  const report = await crashCampaign({ kills: 6, seed: 7 });
  assert.equal(report.faults, []);
  assert.ok(report.interrupted > 0, 'calls were under way');
});

test.run();
