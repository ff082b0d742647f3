// test: timeout=120s
/** The examples of docs/dme.md, run as they stand there, with the addresses of programs that this test has started. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, ROOT, type Running, runCommand, startProgram, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Example {
  readonly shell: string;
  /** What it prints; undefined when that is not shown. */
  readonly output: string | undefined;
}

const MARK = '=== next example ===';

function examplesOf(document: string): Example[] {
  const blocks = [...document.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, kind, text = ''], i) => {
    if (kind !== 'sh') return [];
    const next = blocks[i + 1];
    return [{ shell: text, output: next?.[1] === 'json' ? next[2] : undefined }];
  });
}

/** Whether an output is as shown, where `...` stands for anything. */
function isAsShown(output: string, shown: string): boolean {
  const parts = shown.trim().split('...');
  const pattern = parts.map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[\\s\\S]*');
  return new RegExp(`^${pattern}$`).test(output.trim());
}

test('every example prints what is shown', async () => {
  const dir = tempDir('docs');
  const programs: Running[] = [];
  const start = async (
    program: 'dme' | 'loc-api-sim' | 'tok-srv-sim',
    name: string,
    args: readonly string[],
  ) => {
    const running = await startProgram(program, args, dir.path, name);
    programs.push(running);
    return running.addresses;
  };
  try {
    const standalone = [
      '--standalone',
      '--api-addr',
      '127.0.0.1:0',
      '--cookie-key-file',
      join(dir.path, 'keys'),
    ];
    const tokSrv = (await start('tok-srv-sim', 'tok', ['-port', '0']))['http'] ?? '';
    const locApi = (await start('loc-api-sim', 'loc', ['-port', '0', '-file', join(dir.path, 'places')]))[
      'http'
    ];
    const dme = await start('dme', 'dme', [...standalone, '--http-addr', '127.0.0.1:0']);
    const gddt = await start('dme', 'gddt', [
      ...[...standalone, '--http-addr', `127.0.0.1:${await freePort()}`, '--carrier', 'GDDT'],
      ...['--locverurl', `http://${locApi}/verifyLocation`],
      ...['--toksrvurl', `http://${tokSrv}/its?followURL=http://${locApi}/verifyLocation`],
    ]);
    const examples = examplesOf(readFileSync(join(ROOT, 'docs/dme.md'), 'utf8'));
    assert.ok(examples.length > 10);
    const script = examples
      .map(({ shell }) => `${shell}\necho\necho '${MARK}'`)
      .join('\n')
      .replaceAll('localhost:38001', dme['http'] ?? '')
      .replaceAll('localhost:38002', gddt['http'] ?? '')
      .replaceAll('localhost:8082', locApi ?? '')
      .replaceAll('127.0.0.1:50051', dme['api'] ?? '')
      .replaceAll('bin/', `${ROOT}/bin/`);
    const run = await runCommand('sh', ['-eu', '-c', script], { cwd: dir.path, timeoutMs: 60_000 });
    assert.is(run.code, 0, `${run.stdout}\n${run.stderr}`);
    const outputs = run.stdout.split(MARK);
    for (const [i, { shell, output }] of examples.entries())
      if (output !== undefined)
        assert.ok(
          isAsShown(outputs[i] ?? '', output),
          `${shell}\nprinted:\n${outputs[i]}\nshown:\n${output}`,
        );
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
    dir.remove();
  }
});

test.run();
