import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCpu, parseMemory, parseTraffic, readHostUsage } from './host-usage.js';

test('CPU time is what was not idle, over all cores', () => {
  const text = 'cpu  100 10 20 5000 70 3 2 9 50 0\ncpu0 50 5 10 2500 35 1 1 4 25 0\ncpu1 1 2 3\nintr 9\n';
  assert.equal(parseCpu(text), { cpuNanos: 135e7, cores: 2 });
});

test('memory in use is what no program could get', () => {
  const text = 'MemTotal:        8000 kB\nMemFree:  10 kB\nMemAvailable:    3000 kB\n';
  assert.equal(parseMemory(text), { memoryBytes: 5000 * 1024, memoryTotalBytes: 8000 * 1024 });
});

const DEVICES = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs
    lo:  900 1 0 0 0 0 0 0  900 1 0 0 0 0 0 0
  eth0: 1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0
veth12:  30 1 0 0 0 0 0 0   40 1 0 0 0 0 0 0
`;
const ROUTE_HEAD = 'Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n';

test('traffic is counted once, at the uplinks', () => {
  const routes = `${ROUTE_HEAD}eth0 00000000 010011AC 0003 0 0 0 00000000 0 0 0\nveth12 0000580A 0 1 0 0 0 00FFFFFF 0 0 0\n`;
  assert.equal(parseTraffic(DEVICES, routes), { netInBytes: 1000, netOutBytes: 2000 });
  assert.equal(parseTraffic(DEVICES, ROUTE_HEAD), { netInBytes: 1030, netOutBytes: 2040 });
});

test('this host has figures that fit each other', async () => {
  const first = await readHostUsage('/');
  assert.ok(first.cores >= 1 && first.cpuNanos > 0);
  assert.ok(first.memoryBytes > 0 && first.memoryBytes < first.memoryTotalBytes);
  assert.ok(first.diskBytes > 0 && first.diskBytes < first.diskTotalBytes);
  assert.ok((await readHostUsage('/')).cpuNanos >= first.cpuNanos);
});

test.run();
