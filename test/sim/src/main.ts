import { execFileSync } from 'node:child_process';
import { parseFlags } from '@edgeplane/base';
import { type RunResult, run } from './run.js';

const { values, given } = parseFlags(
  {
    seeds: { type: 'number', default: '100', about: 'how many seeds are run' },
    seedStart: { type: 'number', default: '1', about: 'the first of them' },
    seed: { type: 'number', default: '1', about: 'runs this one only' },
    verbose: { type: 'boolean', default: 'false', about: 'prints everything that happens, and all logs' },
    except: { type: 'string', default: '', about: 'seeds that are left out, comma-separated' },
    stop: { type: 'boolean', default: 'false', about: 'stops at the first seed that fails' },
  },
  process.argv.slice(2),
);
const first = given.has('seed') ? values.seed : values.seedStart;
const count = given.has('seed') ? 1 : values.seeds;
const say = values.verbose ? (line: string) => void process.stdout.write(`${line}\n`) : undefined;

const except = new Set(values.except.split(',').filter(Boolean).map(Number));

let failed = 0;
let events = 0;
for (let seed = first; seed < first + count; seed++) {
  if (except.has(seed)) continue;
  const result = await run({ seed, ...(say && { say }) });
  events += result.events;
  if (result.faults.length === 0 && count > 1) continue;
  print(result);
  if (result.faults.length === 0) continue;
  failed += 1;
  if (values.stop) break;
}
process.stdout.write(`${count} seeds, ${events} events, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

function print({ seed, faults, hash, events: happened, simulatedMs, troubles, tail }: RunResult): void {
  const seconds = Math.round(simulatedMs / 1000);
  const lines = [
    `seed ${seed}, commit ${commit()}: ${faults.length} faults, trace ${hash}, ${happened} events in ${seconds} s; ${troubles.join(', ')}`,
    ...faults.map((fault) => `  ${fault}`),
    ...(faults.length > 0 && !values.verbose
      ? ['  the last that happened:', ...tail.slice(-10).map((line) => `    ${line}`)]
      : []),
    ...(faults.length > 0 ? [`  again: npm run sim -- --seed ${seed} --verbose`] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
