import { parseFlags } from '@edgeplane/base';
import { crashCampaign } from './crash-campaign.js';

const { values } = parseFlags(
  {
    kills: { type: 'number', default: '200', about: 'how often a controller is killed' },
    seed: { type: 'number', default: '1', about: 'of the random choices' },
  },
  process.argv.slice(2),
);
const report = await crashCampaign({
  kills: values.kills,
  seed: values.seed,
  say: (text) => process.stderr.write(`${text}\n`),
});
process.stdout.write(`${JSON.stringify({ seed: values.seed, ...report }, undefined, 2)}\n`);
process.exitCode = report.faults.length === 0 ? 0 : 1;
