// test: timeout=180s
/** Trees of relays that are cut and killed at any moment: everything ends up where it belongs. */
import { appInstKey, cloudletKey, make, until } from '@edgeplane/notify/testing';
import { OBJECTS } from '@edgeplane/objects';
import { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type TestAgent, TestNet, testAgent, testController, testRelay } from './testing.js';

const SITES = ['x', 'y', 'z'] as const;

/** A relay's parents: indexes below its own are relays, the rest is the controller. */
const tree = fc.record({
  relays: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
  agents: fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }), { minLength: 3, maxLength: 3 }),
  old: fc.nat(3),
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), n: fc.nat(5), at: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), n: fc.nat(5), at: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('report' as const), n: fc.nat(5), at: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('withdraw' as const), n: fc.nat(5), at: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), n: fc.nat(3), at: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), n: fc.nat(2), at: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), n: fc.nat(2), at: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('yield' as const), n: fc.nat(20), at: fc.nat(2) }) },
);

const text = (value: unknown) =>
  JSON.stringify(value, (_, v) =>
    typeof v === 'bigint' ? String(v) : Buffer.isBuffer(v) ? v.toString('hex') : v,
  );

const lines = (entries: Iterable<readonly [string, unknown]>) =>
  [...entries]
    .map(([key, object]) => `${key} ${text(object)}`)
    .sort()
    .join('\n');

test('random trees, changes, cuts and kills: each agent holds its view, the controller every report', async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.array(step, { minLength: 5, maxLength: 60 }), async (shape, steps) => {
      const net = new TestNet();
      const c = testController(net, 'c:1');
      for (let n = 0; n < 6; n++) c.tables.app.put(make.app(`n${n}`));
      for (const site of SITES) c.tables.cloudlet.put(make.cloudlet(site));
      const addressOf = (at: number, below: number) => (at < below ? `r${at}:1` : 'c:1');
      const aboveOf = (at: number) => [addressOf(shape.relays[at] ?? 3, at)];
      const relays = await Promise.all(shape.relays.map((_, at) => testRelay(net, `r${at}:1`, aboveOf(at))));
      const offers: string[] = [];
      const withdrawn = new Set<string>();
      const start = (at: number): TestAgent => {
        const above = (shape.agents[at] ?? []).map((n) => addressOf(n, relays.length));
        const site = SITES[at] ?? 'x';
        return testAgent(net, site, above, at === shape.old ? 1 : 2, ({ requestId }) =>
          offers.push(`${requestId} at ${site}`),
        );
      };
      const agents = SITES.map((_, at) => start(at));
      const ended: Promise<unknown>[] = [];
      let value = 0;
      for (const { do: what, n, at } of steps) {
        const site = SITES[at] ?? 'x';
        value += 1;
        if (what === 'put') {
          c.tables.appInst.put(make.appInst(`n${n}`, site, String(value)));
          if (n % 2 === 0) c.tables.app.put({ ...make.app(`n${n}`), command: String(value) });
        } else if (what === 'delete') c.tables.appInst.delete(appInstKey(`n${n}`, site));
        else if (what === 'report') {
          const info = OBJECTS.AppInstInfo.withKey(appInstKey(`n${n}`, site));
          agents[at]?.insts.put({ ...info, errors: [String(value)] });
        } else if (what === 'withdraw') {
          withdrawn.add(OBJECTS.AppInstInfo.keyJson(appInstKey(`n${n}`, site)));
          agents[at]?.insts.delete(appInstKey(`n${n}`, site));
        } else if (what === 'cut') net.link(addressOf(n, relays.length)).cut();
        else if (what === 'kill') {
          const relay = relays[n];
          if (!relay) continue;
          net.link(`r${n}:1`).server = undefined;
          net.link(`r${n}:1`).cut();
          ended.push(relay.stop());
          relays[n] = await testRelay(net, `r${n}:1`, aboveOf(n));
        } else if (what === 'leave') {
          ended.push(agents[at]?.client.stop() ?? Promise.resolve());
          agents[at] = start(at);
        } else for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
      }
      const here = (site: string) => OBJECTS.Cloudlet.keyJson(cloudletKey(site));
      const truth = (site: string) => {
        const insts = [...c.tables.appInst.entries()].filter(([key]) => key.includes(here(site)));
        const apps = insts.map(([, { key }]) => (key?.appKey ? OBJECTS.App.keyJson(key.appKey) : ''));
        const used = [...c.tables.app.entries()].filter(([key]) => apps.includes(key));
        return `${lines(insts)}\n${lines(used)}`;
      };
      for (const { site, tables, client } of agents) {
        const held = () => `${lines(tables.appInst.entries())}\n${lines(tables.app.entries())}`;
        // Version 1 does not say what went without a connection, nor that an App changed whose instances did not.
        const insts = [...c.tables.appInst.entries()].filter(([key]) => key.includes(here(site)));
        const isHere = () =>
          site === SITES[shape.old]
            ? insts.every(([key, inst]) => text(tables.appInst.get(key)) === text(inst))
            : held() === truth(site);
        await until(() => client.state === 'synced' && isHere(), `the view of ${site}`);
      }
      const wanted = () => lines(agents.flatMap(({ insts }) => [...insts.entries()]));
      const known = () =>
        lines(
          [...c.reports.insts.held].map(([key, { object }]) => [key, { ...object, notifyId: 0n }] as const),
        );
      await until(() => known() === wanted(), 'every report');
      await until(() => c.reports.infos.held.size === SITES.length, 'every site');
      // An offer of a shell gets to the agent of its site and to no other; measurements get to the controller. What is lost
      // with a session that was cut a moment ago is sent again, as callers do.
      const samples = c.metrics.length;
      const isHeard = (site: string) => offers.some((offer) => offer.endsWith(` at ${site}`));
      await until(() => {
        for (const { site, client } of agents) {
          const key = here(site);
          const offer = { appInstKey: appInstKey('a', site), requestId: site, offer: site };
          if (!isHeard(site))
            c.server.sendMessage(
              'ExecRequest',
              { ...ExecRequest.decode(Buffer.alloc(0)), ...offer },
              ({ cloudlets }) => cloudlets.has(key),
            );
          client.sendMessage('Metric', { name: 'm', timestamp: undefined, tags: [], vals: [] });
        }
        return SITES.every(isHeard) && c.metrics.length - samples >= SITES.length;
      }, 'messages');
      assert.equal(
        [...new Set(offers)].sort(),
        SITES.map((site) => `${site} at ${site}`),
      );

      // What comes and goes while there is no way up is told to be gone, when there is one again.
      const behind = agents.filter(
        ({ site }, at) =>
          site !== SITES[shape.old] && (shape.agents[at] ?? []).every((n) => n < relays.length),
      );
      const { server } = net.link('c:1');
      net.link('c:1').server = undefined;
      net.link('c:1').cut();
      await until(() => c.server.peers().length === 0, 'no way up');
      for (const { site, insts, client } of behind) {
        const key = appInstKey('unheard', site);
        withdrawn.add(OBJECTS.AppInstInfo.keyJson(key));
        const sent = client.counters.changesSent;
        insts.put(OBJECTS.AppInstInfo.withKey(key));
        await until(() => client.counters.changesSent > sent, 'its relay hears of it');
        insts.delete(key);
        await until(() => client.counters.changesSent > sent + 1, 'and of its end');
      }
      net.link('c:1').server = server;
      for (const { site } of behind) {
        const key = OBJECTS.AppInstInfo.keyJson(appInstKey('unheard', site));
        await until(() => c.reports.insts.withdrawn.includes(key), `the withdrawal at ${site}`);
      }
      await until(
        () => known() === wanted() && c.reports.infos.held.size === SITES.length,
        'all of it again',
      );
      for (const { client } of agents) await client.stop();
      await until(
        () => c.reports.infos.held.size + c.reports.insts.held.size === 0,
        'nothing is left of them',
      );
      assert.equal(c.reports.infos.withdrawn, [], 'a farewell is no withdrawal');
      const unasked = c.reports.insts.withdrawn.filter((key) => !withdrawn.has(key));
      assert.equal(unasked, [], 'nothing was withdrawn that its agent did not withdraw');
      await Promise.all([...ended, ...relays.map((relay) => relay.stop())]);
      await c.server.stop();
    }),
    { numRuns: Number(process.env['RUNS'] ?? 25), endOnFailure: true },
  );
});

test.run();
