import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { testApp, testAppInst, testFlavor } from '../../testing.js';
import { microvmSpec, planMicrovm } from './microvm-plan.js';
import { programOf, seedScript } from './program.js';

const IMAGE = {
  Entrypoint: ['/bin/serve'],
  Cmd: ['--all'],
  Env: ['A=1', 'B=x=y', 'C'],
  WorkingDir: '/srv',
  User: 'web',
};

test('a command takes the place of the image command, and the environment of the App counts', () => {
  const own = programOf('i', IMAGE, [], {});
  assert.equal(own.argv, ['/bin/serve', '--all']);
  assert.equal([own.env['A'], own.env['B'], own.env['C']], ['1', 'x=y', '']);
  assert.match(own.env['PATH'] ?? '', '/usr/bin');
  assert.equal([own.workDir, own.user], ['/srv', 'web']);
  const other = programOf('i', IMAGE, ['--one', 'b c'], { A: '2' });
  assert.equal(other.argv, ['/bin/serve', '--one', 'b c']);
  assert.is(other.env['A'], '2');
  const bare = programOf('i', { Cmd: null, Env: null }, ['/x'], {});
  assert.equal([bare.argv, bare.workDir, bare.user], [['/x'], '/', '']);
  assert.throws(() => programOf('img:1', {}, [], {}), /image "img:1" names no program/);
});

test('whatever words there are, the guest gets those words', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom("'", "'; reboot; '", '$(reboot)', '`x`', '\\', '"', '\n}\n', '--', ''),
  );
  // A shell cannot hold a zero, nor half a character.
  const word = text.map((t) => Buffer.from(t.replaceAll('\0', '')).toString());
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), word, (argv, value) => {
      const program = {
        argv: ['/usr/bin/printf', '%s\\0', ...argv],
        env: { V: value },
        workDir: '/',
        user: '',
      };
      const script = seedScript(program, { instanceId: 'ep-1', hostname: 'h' });
      const run = (end: string) => execFileSync('/bin/sh', ['-c', `${script}\n${end}`]).toString();
      assert.equal(run('program'), argv.map((a) => `${a}\0`).join(''));
      const env = { ...program, argv: ['/bin/sh', '-c', 'printf %s "$V"'] };
      const shown = execFileSync('/bin/sh', [
        '-c',
        `${seedScript(env, { instanceId: 'i', hostname: 'h' })}\nprogram`,
      ]);
      assert.is(shown.toString(), value);
    }),
    { numRuns: 40 },
  );
});

test('names that no shell takes are left out', () => {
  const program = { argv: ['/x'], env: { 'a;reboot': '1', OK: '1' }, workDir: '/', user: '' };
  const script = seedScript(program, { instanceId: 'ep-1', hostname: 'h' });
  assert.not.match(script, 'reboot');
  assert.match(script, "export OK='1'");
  assert.match(script, "export EDGE_INSTANCE_ID='ep-1'");
});

test('a plan becomes a microVM with a stable identity', () => {
  const app = testApp({ imagePath: 'reg/app:1', command: 'serve "a b"' });
  const appInst = testAppInst({}, app);
  const flavor = testFlavor({ ram: 256n, vcpus: 2n, disk: 3n });
  const request = { keyJson: '{"k":1}', app, appInst, clusterInst: undefined, flavor };
  const settings = { publicAddr: '127.0.0.1', cloudletKeyJson: '{}', innerPorts: new Map(), devices: [] };
  const plan = planMicrovm(request, settings);
  assert.equal([plan.cpus, plan.memoryMib, plan.diskMib], [2, 256, 3072]);
  assert.equal(plan.command, ['serve', 'a b']);
  const kernel = { path: '/k', initrd: '/i' };
  const spec = microvmSpec(plan, programOf('i', IMAGE, plan.command, plan.env), '/root.ext4', kernel);
  assert.equal([spec.machine, spec.image, spec.kernel?.path], ['microvm', '/root.ext4', '/k']);
  assert.match(spec.cloudInit?.instanceId ?? '', /^ep-[0-9a-f]{12}$/);
  assert.throws(
    () => planMicrovm({ ...request, flavor: testFlavor({ disk: 0n }) }, settings),
    /flavor small has no disk/,
  );
});

test.run();
