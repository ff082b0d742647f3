import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSpec } from '../../engines/qemu/index.js';
import { newKeyPair } from '../../engines/ssh/index.js';
import { testClusterInst, testFlavor } from '../../testing.js';
import { machineOf, nodeSize, planNodes, wantedNodes, workersOf } from './node-plan.js';
import { machineId, nodeSeed, reachableServers } from './node-seed.js';
import type { ClusterRecord } from './records.js';

const size = { vcpus: 1, memoryMB: 512, diskMib: 2048 };
const empty: ClusterRecord = {
  ...{ keyJson: '{}', state: 'creating', name: 'c1-0123456789ab', bridge: 'epn-0123456789a' },
  ...{ subnet: '10.240.7.0/24', agentKey: newKeyPair(), nodes: [] },
};
const fresh = { size, image: '/images/node', newKey: newKeyPair };

test('nodes keep their places and addresses; another size is another machine', () => {
  const names = wantedNodes(testClusterInst({ numMasters: 1, numNodes: 2 }));
  assert.equal(names, ['master-1', 'node-1', 'node-2']);
  assert.equal(wantedNodes(testClusterInst()), ['node-1']);
  const nodes = planNodes(empty, names, fresh);
  assert.equal(
    nodes.map(({ address }) => address),
    ['10.240.7.2', '10.240.7.3', '10.240.7.4'],
  );
  const record = { ...empty, nodes };
  assert.equal(planNodes(record, names, fresh), nodes);
  // An address that was given back is given out again, but not while its node is still there.
  const [, , third] = planNodes(
    { ...record, nodes: nodes.slice(0, 2) },
    [...names.slice(0, 2), 'node-9'],
    fresh,
  );
  assert.is(third?.address, '10.240.7.4');
  assert.is(planNodes(record, ['node-9'], fresh)[0]?.address, '10.240.7.5');
  const [bigger] = planNodes(record, names, { ...fresh, size: { ...size, memoryMB: 1024 } });
  assert.equal([bigger?.generation, bigger?.address, bigger?.size.memoryMB], [2, '10.240.7.2', 1024]);
  assert.equal(
    workersOf(nodes).map(({ name }) => name),
    ['node-1', 'node-2'],
  );
  assert.is(workersOf(nodes.slice(0, 1))[0]?.name, 'master-1');
});

test('a size comes from the flavor, or is refused by name', () => {
  const cluster = testClusterInst();
  assert.equal(nodeSize(cluster, testFlavor({ ram: 512n, vcpus: 2n, disk: 10n })), {
    ...{ vcpus: 2, memoryMB: 512, diskMib: 10240 },
  });
  assert.throws(
    () => nodeSize(cluster, testFlavor({ ram: 128n })),
    /flavor small has 128 MB of memory.* 384 MB/,
  );
  assert.throws(() => nodeSize(cluster, undefined), /flavor small has no vcpus/);
});

test('a machine is one that QEMU can be given', () => {
  const [node] = planNodes(empty, ['node-1'], fresh);
  assert.ok(node);
  const spec = machineOf({ ...empty, nodes: [node] }, node, {
    nameServers: ['192.0.2.53'],
    cloudletKeyJson: '{}',
  });
  checkSpec(spec);
  assert.is(spec.id, machineId(empty, node));
  assert.not.ok(
    JSON.stringify(spec).includes(empty.agentKey.privateKey.split('\n')[2] ?? ''),
    'no key of the agent',
  );
});

test('the node image understands its seed', () => {
  const [node] = planNodes(empty, ['node-1'], fresh);
  assert.ok(node);
  const seed = nodeSeed(empty, node, '52:54:00:12:34:56', ['192.0.2.53', '192.0.2.54']);
  const dir = mkdtempSync(join(tmpdir(), 'node-seed-'));
  const script = new URL(
    '../../../../deploy/images/node/rootfs/usr/lib/edgeplane/node-init',
    import.meta.url,
  );
  const read = (text = '') => {
    const path = join(dir, 'document');
    writeFileSync(path, text);
    return execFileSync('perl', [fileURLToPath(script), path], { encoding: 'utf8' })
      .trim()
      .split('\n');
  };
  try {
    assert.equal(read(seed.networkConfig), [
      'ethernets.eth0.addresses.0=10.240.7.2/24',
      'ethernets.eth0.gateway4=10.240.7.1',
      'ethernets.eth0.match.macaddress=52:54:00:12:34:56',
      'ethernets.eth0.nameservers.addresses.0=192.0.2.53',
      'ethernets.eth0.nameservers.addresses.1=192.0.2.54',
      'version=2',
    ]);
    assert.equal(read(seed.userData), [
      `ssh_authorized_keys.0=${empty.agentKey.publicKey}`,
      `ssh_keys.ed25519_private=${node.hostKey.privateKey.replaceAll('\n', '\\n')}`,
      `ssh_keys.ed25519_public=${node.hostKey.publicKey}`,
    ]);
    const odd = 'a: "x \\"y\\" # z" # c\nl:\n- one\n- \'it\'\'s\'\nm:\n  n: |\n    1\n\n    2\n  o: p\n';
    assert.equal(read(odd), ['a=x "y" # z', 'l.0=one', "l.1=it's", 'm.n=1\\n\\n2\\n', 'm.o=p']);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('nodes ask name servers that they can reach', () => {
  const text = '# nameserver 192.0.2.9\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver ::1\n';
  assert.equal(reachableServers(text), ['192.0.2.1']);
});

test.run();
