import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { folderFindings } from './folder-layers.js';
import { findings } from './house-rules-text.js';
import { layerFindings } from './layers.js';

test('finds what the house rules forbid', () => {
  assert.equal(findings('a/good-name.ts', 'export const x = 1;\n'), []);
  assert.is(findings('a/BadName.ts', '').length, 1);
  assert.is(findings('a/utils.ts', '').length, 1);
  assert.is(findings('a/b.ts', '\n'.repeat(500)).length, 1);
  assert.is(findings('a/b.ts', `// long: a table\n${'\n'.repeat(500)}`).length, 0);
  assert.is(findings('a/b.ts', `// long: a table\n${'\n'.repeat(900)}`).length, 1);
  const only = ['test', 'only('].join('.');
  assert.is(findings('a/b.test.ts', `${only}'x')`).length, 1);
});

test('finds dependencies that point the wrong way', () => {
  assert.equal(
    layerFindings([{ name: '@edgeplane/store', dependencies: { '@edgeplane/base': 'workspace:*' } }]),
    [],
  );
  assert.is(
    layerFindings([{ name: '@edgeplane/base', dependencies: { '@edgeplane/store': 'workspace:*' } }]).length,
    1,
  );
  assert.is(
    layerFindings([{ name: '@edgeplane/dme', dependencies: { '@edgeplane/store': 'workspace:*' } }]).length,
    1,
  );
  assert.is(layerFindings([{ name: '@edgeplane/new' }]).length, 1);
});

test('finds imports that point the wrong way inside a package', () => {
  const wrong = "import { a } from '../../drivers/driver.js';\n";
  assert.is(folderFindings('crm-agent/src/engines/qemu/vm.ts', wrong).length, 1);
  assert.is(
    folderFindings('crm-agent/src/engines/qemu/vm.ts', "await import('../../exec/shell.js')").length,
    1,
  );
  assert.equal(folderFindings('crm-agent/src/engines/qemu/vm.test.ts', wrong), []);
  assert.equal(
    folderFindings('crm-agent/src/engines/qemu/vm.ts', "import { a } from '../../host-names.js';"),
    [],
  );
  assert.equal(folderFindings('crm-agent/src/agent.ts', "import { a } from './drivers/driver.js';"), []);
});

test.run();
