/** `npm run campaign:vm-cluster -- --every 5 --works create,delete`: agents with real machines, killed at each change. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseFlags } from '@edgeplane/base';
import { vmClusterCampaign } from './campaign.js';
import { WORK } from './work.js';

const { values } = parseFlags(
  {
    works: { type: 'string', default: WORK.join(','), about: 'what agents are killed in' },
    from: { type: 'number', default: '1', about: 'the first change at which one is killed' },
    every: { type: 'number', default: '1', about: 'how far apart those changes are' },
    publicAddr: { type: 'string', default: '127.0.8.9', about: 'address of the App’s port' },
    port: { type: 'number', default: '8080', about: 'port of the App' },
  },
  process.argv.slice(2),
);
const works = values.works.split(',').map((name) => {
  const work = WORK.find((each) => each === name.trim());
  if (!work) throw new RangeError(`--works: "${name}" is none of ${WORK.join(', ')}`);
  return work;
});

/** What a script of deploy/images has made, or makes now. */
function built(script: string): string {
  const path = fileURLToPath(new URL(`../../../deploy/images/${script}`, import.meta.url));
  const said = execFileSync(path, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return said.trim().split('\n').at(-1)?.split(' ')[0] ?? '';
}

const imageDir = mkdtempSync(join(tmpdir(), 'ep-campaign-images-'));
try {
  copyFileSync(built('container/build.mjs'), join(imageDir, 'localhost_edgeplane_hello_1.0.tar'));
  const { publicAddr, port, from, every } = values;
  const report = await vmClusterCampaign({
    ...{ works, from, every, imageDir, publicAddr, port, nodeImage: built('node/build.sh') },
    say: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
} finally {
  rmSync(imageDir, { recursive: true, force: true });
}
