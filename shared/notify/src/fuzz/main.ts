/** `npm run fuzz:notify -- --seconds 600 [--seed N]`: random notices and peers against the notify protocol. */
import { parseFlags, systemClock } from '@edgeplane/base';
import { fuzz } from './campaign.js';

const { values, given } = parseFlags(
  {
    seconds: { type: 'number', default: '60', about: 'how long it goes on' },
    seed: { type: 'number', default: '1', about: 'runs this one only' },
    seedStart: { type: 'number', default: '0', about: 'the first seed; 0 takes one from the time' },
  },
  process.argv.slice(2),
);
const start = values.seedStart || Math.floor(systemClock.now() / 1000);
const one = given.has('seed');
const { seeds, faults } = await fuzz(systemClock, one ? values.seed : start, {
  seconds: values.seconds,
  seeds: one ? 1 : Number.POSITIVE_INFINITY,
});
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(`${seeds} seeds from ${one ? values.seed : start}, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
