import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apis, factsOf } from './apis.js';
import { differences } from './check.js';
import { inventoryOf, loadTree } from './load.js';

const test = suite('protos');

for (const api of apis) {
  test(`${api.name} keeps every wire fact`, () => {
    const want = factsOf(api);
    // An empty facts file would make the comparison pass without looking at anything.
    assert.ok(Object.keys(want.messages).length > 0, 'the facts name no message');
    const found = differences(want, inventoryOf(loadTree(api.tree)));
    assert.is(found.length, 0, `${api.name}: ${found.length} differences\n  ${found.join('\n  ')}`);
  });
}

test.run();
