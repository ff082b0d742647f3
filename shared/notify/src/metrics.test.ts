import { Metrics } from '@edgeplane/observe';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NOTIFY_METRICS, observeNotify, observeObjects } from './metrics.js';
import { make, newClient, rawClient, startServer, table, until } from './testing.js';

/** Values by name and labels. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ [^ ]*$/, ''), Number(line.replace(/.* /, ''))]));
}

test('both ends say how sessions are, what went through them, and why they ended', async () => {
  const flavors = table('Flavor');
  flavors.put(make.flavor('small'));
  flavors.put(make.flavor('large'));
  const { server, address } = await startServer({
    sources: [flavors as never],
    limits: { maxSessionsPerAddress: 1 },
  });
  const mirror = table('Flavor');
  const client = newClient(address, { receivers: [mirror as never] });
  const above = new Metrics();
  observeNotify(above, { server });
  observeObjects(above, () => [['Flavor', flavors.size]]);
  const below = new Metrics();
  observeNotify(below, { client });
  assert.is((await scrape(below)).get('edgeplane_notify_link{state="disconnected"}'), 1);

  client.start();
  await client.when('synced');
  const sessions = await scrape(above);
  assert.is(sessions.get('edgeplane_notify_sessions{version="2",state="synced"}'), 1);
  assert.is(sessions.get('edgeplane_notify_sessions{version="1",state="synced"}'), 0);
  assert.is(sessions.get('edgeplane_notify_handshakes'), 0);
  assert.is(sessions.get('edgeplane_notify_changes_sent_total{end="server"}'), 2);
  assert.is(sessions.get('edgeplane_objects{type="Flavor"}'), 2);
  assert.is((await scrape(below)).get('edgeplane_notify_link{state="synced"}'), 1);
  assert.is((await scrape(below)).get('edgeplane_notify_changes_received_total{end="client"}'), 2);

  // What one end has sent, the other has received, once it is there.
  await until(() => server.counters.bytesSent === client.counters.bytesReceived);
  await until(() => client.counters.bytesSent === server.counters.bytesReceived);
  assert.ok(server.counters.bytesSent > 0 && client.counters.bytesSent > 0);

  // One too many is told apart by the limit that it met.
  const second = rawClient(address);
  await until(() => second.ended !== undefined);
  second.close();
  const refused = 'edgeplane_notify_session_ends_total{end="server",reason="TOO_MANY_SESSIONS"}';
  assert.is((await scrape(above)).get(refused), 1);

  await client.stop();
  await until(() => server.peers().length === 0);
  await server.stop();
  const ended = await scrape(above);
  assert.is(ended.get('edgeplane_notify_session_ends_total{end="server",reason="CLEAN"}'), 1);
  assert.is(ended.get('edgeplane_notify_sessions{version="2",state="synced"}'), 0);
});

test('everything that is declared is served', async () => {
  const { server } = await startServer({});
  const metrics = new Metrics();
  observeNotify(metrics, { server });
  const text = await metrics.text();
  for (const { name } of Object.values(NOTIFY_METRICS)) assert.match(text, `# TYPE ${name} `);
  await server.stop();
});

test.run();
