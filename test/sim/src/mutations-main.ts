import { parseFlags } from '@edgeplane/base';
import { failingSeeds, hunt, testFails } from './mutation-run.js';
import { MUTATIONS } from './mutations.js';

/** How long a test of a mutation may take, milliseconds. */
const TEST_LIMIT_MS = 60_000;

const { values } = parseFlags(
  {
    seeds: { type: 'number', default: '60', about: 'how many seeds may look for each mutation' },
    only: { type: 'string', default: '', about: 'mutations whose name has this text' },
    timeout: { type: 'duration', default: '10m', about: 'how long each may take' },
  },
  process.argv.slice(2),
);

const except = await failingSeeds(values.seeds, values.timeout);
if (except.length > 0)
  process.stdout.write(`seeds that fail by themselves are left out: ${except.join(', ')}\n`);
let survived = 0;
for (const mutation of MUTATIONS.filter(({ name }) => name.includes(values.only))) {
  const { seed, text } = await hunt(mutation, { seeds: values.seeds, except, timeoutMs: values.timeout });
  const { test } = mutation;
  const byTest = seed === undefined && test !== undefined && (await testFails(mutation, test, TEST_LIMIT_MS));
  if (seed === undefined && !byTest) survived += 1;
  const verdict = byTest ? 'by test' : seed === undefined ? 'SURVIVED' : `seed ${seed}`;
  const said = byTest ? test : text.split('\n').at(-1)?.slice(0, 160);
  process.stdout.write(`${verdict.padEnd(9)} ${mutation.name}: ${said}\n`);
}
process.stdout.write(`${survived} survived\n`);
process.exitCode = survived === 0 ? 0 : 1;
