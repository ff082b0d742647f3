import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemDisk } from '../../../disk.js';
import { identityOf, isAlive, type ProcessIdentity, spawnDetached } from '../../../engines/process/index.js';
import type { ChangeContext } from './driver.js';
import { ExecHypervisor } from './exec-hypervisor.js';

const dir = mkdtempSync(join(tmpdir(), 'exec-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

let made = 0;

/** A host whose program is these lines of shell. */
function host(lines: string, over: { readonly limitMs?: number; readonly inspectMs?: number } = {}) {
  const place = join(dir, `host-${made++}`);
  const program = `${place}.sh`;
  writeFileSync(program, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  const settings = {
    ...{
      driver: 'exec' as const,
      program,
      args: ['fixed'],
      env: { REGION: 'x y' },
      settings: { shape: 'A10' },
    },
    inspectTimeoutMs: over.inspectMs ?? 30_000,
  } as const;
  const hypervisor = new ExecHypervisor({
    ...{ id: 'gpu-1', settings, dir: place, disk: systemDisk, clock: systemClock },
    changeTimeoutMs: over.limitMs ?? 30_000,
  });
  return { hypervisor, place };
}

function change(signal: AbortSignal = new AbortController().signal) {
  const told: string[] = [];
  const context: ChangeContext = {
    ...{ operationId: 'op-1', signal },
    step: async (name) => void told.push(name),
    progress: (permille, message) => void told.push(`${permille} ${message}`),
  };
  return { told, context };
}

const { signal } = new AbortController();
const refusal = (call: Promise<unknown>) => call.then(() => 'nothing', String);
const READY = `echo '{"state": "ready", "cpus": 8, "ram_bytes": 1024, "gpus": [{"brand": "NVIDIA", "model": "A10"}], "running_instances": 2}'`;

async function gone(pidFile: string): Promise<boolean> {
  const identity = await identityOf(Number(readFileSync(pidFile, 'utf8')));
  for (let i = 0; identity && i < 500; i++) {
    if (!(await isAlive(identity))) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return identity === undefined;
}

test('a program is told all on standard input, and little in its environment; what it says last counts', async () => {
  const { hypervisor, place } = host(
    `cat > in.json; echo "$@" > args; env > environment; echo '{"progress": 250, "message": "halfway"}'; ${READY}`,
  );
  assert.equal(await hypervisor.inspect(signal), {
    ...{ condition: 'ready', detail: 'its program says ready', runningInstances: 2 },
    facts: { cpus: 8, ramBytes: 1024, storage: false, gpus: [{ brand: 'NVIDIA', model: 'A10' }] },
  });
  const { told, context } = change();
  await hypervisor.create(context);
  assert.equal(told, ['program-create', '250 halfway', 'wait-ready']);
  assert.equal(JSON.parse(readFileSync(join(place, 'in.json'), 'utf8')), {
    ...{ version: 1, verb: 'create', id: 'gpu-1', operation_id: 'op-1', settings: { shape: 'A10' } },
  });
  assert.is(readFileSync(join(place, 'args'), 'utf8'), 'fixed create\n');
  const names = readFileSync(join(place, 'environment'), 'utf8')
    .split('\n')
    .map((line) => line.split('=')[0]);
  assert.equal(
    names.filter((name) => name && !['PATH', 'PWD', 'REGION', 'OLDPWD', 'SHLVL', '_'].includes(name)),
    [],
  );
});

test('what it does not say, or says wrongly, is named', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['true', /inspect gpu-1: did not say which state the host is in/],
    ['echo hello', /said "hello": /],
    [`echo '[1]'`, /said "\[1\]": is not a JSON object/],
    [`echo '{"state": "up"}'`, /state has to be one of off, ready, not-ready, not "up"/],
    [`echo '{"state": "off", "cpus": -1}'`, /cpus has to be a whole number from 0 up, not -1/],
    [`echo '{"state": "ready", "cpus": 1, "ram_bytes": 1, "gpus": 7}'`, /gpus has to be a list/],
    [`echo '{"error": "no quota left"}'; exit 1`, /inspect gpu-1: no quota left/],
    ['echo "credentials are wrong" >&2; exit 3', /ended with 3: credentials are wrong/],
    ['kill -9 $$', /ended with 128/],
    [`${READY}; exit 1`, /ended with 1: it did not complain/],
  ];
  for (const [lines, expected] of cases)
    assert.match(await refusal(host(lines).hypervisor.inspect(signal)), expected);
  const { hypervisor } = host(`echo '{"state": "ready"}'`);
  assert.match(
    await refusal(hypervisor.destroy({ force: true, graceMs: 0 }, change().context)),
    /destroy gpu-1: afterwards it is ready/,
  );
});

test('a program that is not there, or may not be run, is named', async () => {
  const { hypervisor, place } = host('true');
  rmSync(`${place}.sh`);
  assert.match(
    await refusal(hypervisor.inspect(signal)),
    /host-\d+.sh inspect gpu-1: cannot be started: .*ENOENT/,
  );
});

test('one that takes too long, says too much or is cancelled ends with all that it started', async () => {
  const sleeper = 'sleep 1000 & echo $! > child; wait';
  const late = host(sleeper, { inspectMs: 300 });
  assert.match(await refusal(late.hypervisor.inspect(signal)), /still runs after 0.3 s/);
  assert.ok(await gone(join(late.place, 'child')));

  const stubborn = host(`trap '' TERM; ${sleeper}; wait; ${sleeper}`);
  const abort = new AbortController();
  const cancelled = refusal(stubborn.hypervisor.create(change(abort.signal).context));
  while (!existsSync(join(stubborn.place, 'child'))) await new Promise((resolve) => setTimeout(resolve, 10));
  abort.abort(new Error('not wanted any more'));
  assert.match(await cancelled, /not wanted any more/);
  assert.ok(await gone(join(stubborn.place, 'child')));

  const loud = host('while true; do echo 01234567890123456789012345678901234567890123456789; done');
  assert.match(await refusal(loud.hypervisor.inspect(signal)), /says more than 1048576 bytes/);

  // What it leaves in the background holds nobody up, and does not stay.
  const parting = host(`(sleep 1000 & echo $! > child); ${READY}`);
  assert.is((await parting.hypervisor.inspect(signal)).condition, 'ready');
  assert.ok(await gone(join(parting.place, 'child')));
});

test('one that reads nothing is fine, and one that an earlier life left is ended before the next', async () => {
  const { hypervisor, place } = host(`exec 0<&-; ${READY}`);
  await hypervisor.create(change().context);
  const left = await spawnDetached({ command: 'sleep', args: ['1000'], cwd: dir, logFile: join(dir, 'log') });
  writeFileSync(join(place, 'program.json'), JSON.stringify(left.identity));
  await hypervisor.create(change().context);
  assert.not(await isAlive(left.identity as ProcessIdentity));
  assert.not(existsSync(join(place, 'program.json')));
});

test.run();
