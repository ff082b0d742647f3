/** docs/compatibility.md names every weakness and vector, each with a test that there is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = new URL('../../../', import.meta.url).pathname;
const [weaknesses = '', vectors = '', quirks = '', engineVectors = ''] = readFileSync(
  join(ROOT, 'docs/compatibility.md'),
  'utf8',
).split(/^##+ (?:Acceptance vectors|The match engine and the agent|Vectors of the match engine)$/m);

/** Rows of the table in a text: numbers, and file and name of the test in the last column. */
function rows(
  text: string,
): { readonly numbers: readonly number[]; readonly file: string; readonly name: string }[] {
  return [...text.matchAll(/^\| (\d[\d, ]*) \|.* `([^`]+\.test\.ts)`: (.*) \|$/gm)].map(
    ([, numbers = '', file = '', name = '']) => ({ numbers: numbers.split(', ').map(Number), file, name }),
  );
}

for (const [what, text, count] of [
  ['weakness', weaknesses, 46],
  ['vector', vectors, 20],
  ['quirk of the match engine and the agent', quirks, 15],
  ['vector of the match engine', engineVectors, 5],
] as const) {
  test(`every ${what} is held by a test`, () => {
    const found = rows(text);
    assert.equal(
      [...new Set(found.flatMap(({ numbers }) => numbers))],
      Array.from({ length: count }, (_, i) => i + 1),
    );
    for (const { file, name } of found) {
      const source = readFileSync(join(ROOT, file), 'utf8');
      const quoted = ["'", '"', '`'].some((quote) => source.includes(quote + name + quote));
      assert.ok(quoted, `${file} has no test "${name}"`);
    }
  });
}

test.run();
