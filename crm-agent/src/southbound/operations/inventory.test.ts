import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseInventory, readInventory } from './inventory.js';

const dir = mkdtempSync(join(tmpdir(), 'inventory-'));
test.after(() => rmSync(dir, { recursive: true }));

const exec = (settings: object) => ({ hypervisors: [{ id: 'a', driver: 'exec', settings }] });
const child = (settings: object) => ({ hypervisors: [{ id: 'a', driver: 'process', settings }] });
const pool = (settings: object, more: object = {}) => ({
  pools: [{ id: 'p', driver: 'loop', settings, ...more }],
});

test('YAML and JSON are read, with defaults', async () => {
  const path = join(dir, 'inventory.yaml');
  writeFileSync(
    path,
    'hypervisors:\n  - { id: bm-1, driver: process }\npools:\n  - { id: p, driver: loop, headroom: 0 }\n',
  );
  const { hypervisors, pools, targets } = await readInventory(path);
  assert.equal(hypervisors, [
    {
      ...{ id: 'bm-1', createTimeoutMs: 900_000, destroyTimeoutMs: 600_000 },
      settings: {
        driver: 'process',
        platform: 'local',
        notifyAddrs: '127.0.0.1:37001',
        tls: '',
        waitRegistered: true,
        args: [],
      },
    },
  ]);
  assert.is(pools[0]?.headroom, 0n);
  assert.is(pools[0]?.settings.size, 10n * 1024n ** 3n);
  assert.equal(targets, []);
  writeFileSync(path, '');
  assert.equal(await readInventory(path), { hypervisors: [], pools: [], targets: [] });
});

test('what is wrong is named with its place, its rule and its value', async () => {
  const wrong: readonly (readonly [unknown, string])[] = [
    [[], 'the file: must be a mapping, but got []'],
    [{ hosts: [] }, 'hosts: is not known here; known are hypervisors, pools, backup_targets'],
    [{ hypervisors: {} }, 'hypervisors: must be a list, but got {}'],
    [{ hypervisors: [7] }, 'hypervisors[0]: must be a mapping, but got 7'],
    [{ hypervisors: [{ driver: 'process' }] }, 'hypervisors[0].id: must be a text, but got nothing'],
    [{ hypervisors: [{ id: '../x', driver: 'process' }] }, 'hypervisors[0].id: must be up to 63 letters'],
    [
      { hypervisors: [{ id: 'x', driver: 'magic' }] },
      'hypervisors[0].driver: must be one of process, exec, but got "magic"',
    ],
    [
      child({ args: ['--stateDir', 'x'] }),
      'hypervisors[0].settings.args: must not have --stateDir, which the driver sets',
    ],
    [child({ wait_registered: 'no' }), 'settings.wait_registered: must be true or false, but got "no"'],
    [exec({}), 'hypervisors[0].settings.program: must be a text, but got nothing'],
    [exec({ program: 'bin/x' }), 'hypervisors[0].settings.program: must be an absolute path'],
    [
      exec({ program: '/x', env: { A: 1 } }),
      'hypervisors[0].settings.env: must be a mapping of names to texts',
    ],
    [
      exec({ program: '/x', args: 'a b' }),
      'hypervisors[0].settings.args: must be a list of texts, but got "a b"',
    ],
    [exec({ program: '/x', secret: 1 }), 'hypervisors[0].settings.secret: is not known here'],
    [
      pool({ size: '12 parsecs' }),
      'pools[0].settings.size: must be bytes, such as 1048576 or 20GiB, but got "12 parsecs"',
    ],
    [pool({ size: 5 }), 'pools[0].settings.size: must be at least 128MiB, but got 5'],
    [pool({ path: '/' }), 'pools[0].settings.path: must be an absolute path, and not /'],
    [
      pool({ filesystem: 'zfs' }),
      'pools[0].settings.filesystem: must be one of auto, btrfs, xfs, ext4, but got "zfs"',
    ],
    [pool({}, { headroom: -1 }), 'pools[0].headroom: must be bytes'],
    [
      { backup_targets: [{ id: 't', path: '/t', floor_percent: 91 }] },
      'floor_percent: must be a whole number from 0 to 90',
    ],
    [
      {
        backup_targets: [
          { id: 't', path: '/t' },
          { id: 't', path: '/u' },
        ],
      },
      'backup_targets: must name each id once, and t is there twice',
    ],
  ];
  for (const [json, text] of wrong) {
    let said = 'nothing';
    try {
      parseInventory('/inventory', json);
    } catch (error) {
      said = String(error);
    }
    assert.ok(said.includes(text), `${said}\nis to include\n${text}`);
    assert.match(said, '--operations-inventory: /inventory: ');
  }
  const path = join(dir, 'broken');
  writeFileSync(path, 'a: [');
  for (const [file, reason] of [
    [path, 'cannot read'],
    [join(dir, 'none'), 'ENOENT'],
  ] as const) {
    const said = await readInventory(file).catch((error: unknown) => String(error));
    assert.match(String(said), reason);
  }
});

test.run();
