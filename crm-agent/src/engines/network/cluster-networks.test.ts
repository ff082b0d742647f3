// test: serial
/** Networks on this very host, beside whatever it has. */
import { createServer } from 'node:net';
import { silentLogger } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addressAt, parseCidr } from './cidr.js';
import { ClusterNetworks } from './cluster-networks.js';
import { runTool } from './tools.js';

const owner = `test ${process.pid}`;
const networks = new ClusterNetworks({ owner, logger: silentLogger });

async function host(): Promise<string> {
  const links = JSON.parse(await runTool('ip', ['-j', 'link'])) as { ifname: string }[];
  const rules = (await runTool('iptables-save', [])).split('\n').filter((line) => line.startsWith('-A'));
  return [...links.map((l) => l.ifname), ...rules].sort().join('\n');
}

/** Runs a command in a network namespace that is connected to the bridge as a node would be. */
async function asNode(bridge: string, address: string, gateway: string, work: (ns: string) => Promise<void>) {
  const ns = `ept${process.pid}-${bridge.slice(-4)}`;
  const ip = (...args: string[]) => runTool('ip', args);
  await ip('netns', 'add', ns);
  try {
    await ip('link', 'add', `v${bridge.slice(-8)}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns);
    await ip('link', 'set', `v${bridge.slice(-8)}`, 'master', bridge, 'up');
    await ip('-n', ns, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    await ip('-n', ns, 'link', 'set', 'eth0', 'up');
    await ip('-n', ns, 'route', 'add', 'default', 'via', gateway);
    await work(ns);
  } finally {
    await ip('netns', 'delete', ns);
  }
}

const connects = (ns: string, address: string, port: number) =>
  runTool('ip', [
    ...['netns', 'exec', ns, 'timeout', '3', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`],
  ]).then(
    () => true,
    () => false,
  );

test('a network is made, kept apart from others and the host, repeated, swept and removed', async () => {
  assert.is(await networks.unavailable(), undefined);
  const before = await host();
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async (name, i) => {
      const subnet = await networks.chooseSubnet([], process.pid + i);
      return { bridge: networks.bridgeName(name), subnet, publicAddr: '0.0.0.0' };
    }),
  );
  assert.ok(one && two);
  const block = parseCidr(one.subnet);
  const other = parseCidr(two.subnet);
  assert.ok(block && other);
  const server = createServer((socket) => socket.destroy());
  try {
    for (const network of [one, one, two]) await networks.ensure(network);
    const made = await host();
    await networks.ensure(one);
    assert.is(await host(), made, 'the second time changes nothing');
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await asNode(one.bridge, addressAt(block, 2), addressAt(block, 1), async (ns) => {
      await asNode(two.bridge, addressAt(other, 2), addressAt(other, 1), async () => {
        await runTool('ip', ['netns', 'exec', ns, 'ping', '-c1', '-W3', addressAt(block, 1)]).catch(() => '');
        assert.not.ok(await connects(ns, addressAt(block, 1), port), 'a service of the host is not reached');
        assert.not.ok(await connects(ns, addressAt(other, 1), port), 'nor by another address of it');
      });
    });
    const clash = { ...two, bridge: networks.bridgeName('three'), subnet: one.subnet };
    const refused = await networks.ensure(clash).then(String, (error: Error) => error.message);
    assert.match(refused, new RegExp(`overlaps with ${one.subnet.split('.0/')[0]}.* of ${one.bridge}`));
    await networks.sweep(new Set([one.bridge]));
    const swept = await host();
    assert.ok(swept.includes(one.bridge) && !swept.includes(two.bridge));
  } finally {
    server.close();
    await networks.sweep(new Set());
  }
  assert.is(await host(), before);
  await networks.remove(one.bridge);
});

test.run();
