import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { docSections, withSection } from './doc-sections.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

for (const section of docSections())
  test(`${section.file}: ${section.name} is what the code says`, () => {
    const document = readFileSync(join(root, section.file), 'utf8');
    assert.is(document, withSection(document, section));
  });

test('a document without a place for a section is refused', () => {
  assert.throws(() => withSection('text', { file: 'a.md', name: 'b', text: '' }), /a\.md has no place for b/);
});

test.run();
