import { deferred, messageOf } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Admission, type Need } from './admission.js';

const need = (memoryMb: number, diskMb = 0, imageMb = 0): Need => ({
  flavor: 'f',
  memoryMb,
  diskMb,
  imageMb,
});
const admission = () => new Admission(async () => ({ memoryMb: 1000, diskMb: 5000 }));
const refusal = (work: Promise<unknown>) => work.then(() => 'admitted', messageOf);

test('what there is no room for is refused by field, need and room', async () => {
  const site = admission();
  const refused = (n: Need) => refusal(site.admit(n, async () => undefined));
  assert.is(await refused(need(1000, 4000, 1000)), 'admitted');
  assert.is(
    await refused(need(1001)),
    'flavor f: ram of 1001 MB is needed, and 1000 MB are free on the host',
  );
  assert.is(
    await refused(need(1, 4096, 904.5)),
    'flavor f: disk of 5001 MB is needed with 905 MB for the image, and 5000 MB are free on the host',
  );
});

test('works that begin at once do not count on the same room', async () => {
  const site = admission();
  const [first, second] = [deferred(), deferred()];
  const works = [first, second].map((end) => site.admit(need(400), () => end.promise));
  const third = refusal(site.admit(need(400), async () => undefined));
  assert.match(await third, /ram of 400 MB is needed, and 200 MB are free/);
  first.resolve();
  await works[0];
  assert.is(await refusal(site.admit(need(400), async () => undefined)), 'admitted');
  second.reject(new Error('broken'));
  assert.is(await refusal(works[1] ?? Promise.resolve()), 'broken');
  assert.is(await refusal(site.admit(need(1000), async () => undefined)), 'admitted', 'released on failure');
});

test.run();
