/**
 * The agent that crash.test.ts kills. Arguments: state directory, host port, and what to make: container, kube or pod.
 * Says "making" before and "made" after.
 */
import { silentLogger, systemClock } from '@edgeplane/base';
import { PodmanEngine } from './engine.js';
import { crashManifest, crashPod, crashSpec } from './testing.js';

const [stateDir = '', port = '', kind = ''] = process.argv.slice(2);
const engine = await PodmanEngine.open({
  owner: 'crash',
  stateDir,
  logger: silentLogger,
  clock: systemClock,
});
process.stdout.write('making\n');
if (kind === 'kube') await engine.playKube(crashManifest(Number(port)));
else if (kind === 'pod') await crashPod(engine, Number(port));
else await engine.runContainer(crashSpec(Number(port)));
process.stdout.write('made\n');
// Stay, as an agent does, until killed.
setInterval(() => undefined, 60_000);
