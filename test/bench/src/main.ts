/**
 * Measures the system beside the raw thing in the same run, as ratios.
 *
 * usage: npm run bench -- [--only <group>] [--quick] [--json]
 * With --json one line per figure: {name, value, unit, baseline, ratio, target, limit, ok}. Exit status 1 when a bench fails
 * to run; a missed target is shown, not failed, since figures depend on the machine.
 */
import { messageOf, parseFlags } from '@edgeplane/base';
import { controllerBenches } from './controller.js';
import { dmeBenches } from './dme.js';
import { type Bench, type Figure, GROUPS, table } from './figures.js';
import { notifyBenches } from './notify.js';
import { runtimeBenches } from './runtime.js';
import { FULL, QUICK } from './sizes.js';
import { southboundBenches } from './southbound.js';

const FLAGS = {
  only: { type: 'string', default: '', about: 'one group', choices: ['', ...GROUPS] },
  quick: { type: 'boolean', default: 'false', about: 'small numbers: shows that it runs, measures nothing' },
  json: { type: 'boolean', default: 'false', about: 'one JSON line per figure' },
} as const;

const BENCHES: readonly Bench[] = [
  ...controllerBenches,
  ...notifyBenches,
  ...dmeBenches,
  ...runtimeBenches,
  ...southboundBenches,
];

async function main(argv: readonly string[]): Promise<void> {
  const { values } = parseFlags(FLAGS, argv);
  const figures: Figure[] = [];
  for (const bench of BENCHES.filter((b) => values.only === '' || b.group === values.only)) {
    process.stderr.write(`bench ${bench.group}: ${bench.name}\n`);
    try {
      const measured = await bench.run(values.quick ? QUICK : FULL);
      figures.push(...measured);
      if (values.json) for (const figure of measured) process.stdout.write(`${JSON.stringify(figure)}\n`);
    } catch (error) {
      process.stderr.write(`bench ${bench.group}: ${bench.name} failed: ${messageOf(error)}\n`);
      process.exitCode = 1;
    }
  }
  if (!values.json && figures.length > 0) process.stdout.write(`${table(figures)}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 2;
}
