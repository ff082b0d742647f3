/**
 * The agent that crash.test.ts kills. Arguments: state directory, host port, and what to make: container or kube.
 * Says "making" before and "made" after.
 */
import { silentLogger, systemClock } from '@edgeplane/base';
import { PodmanEngine } from './engine.js';
import { crashManifest, crashSpec } from './testing.js';

const [stateDir = '', port = '', kind = ''] = process.argv.slice(2);
const engine = await PodmanEngine.open({
  owner: 'crash',
  stateDir,
  logger: silentLogger,
  clock: systemClock,
});
process.stdout.write('making\n');
await (kind === 'kube'
  ? engine.playKube(crashManifest(Number(port)))
  : engine.runContainer(crashSpec(Number(port))));
process.stdout.write('made\n');
// Stay, as an agent does, until killed.
setInterval(() => undefined, 60_000);
