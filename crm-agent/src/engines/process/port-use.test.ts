import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSocketTable, portsOf, portTaken } from './port-use.js';

test('a free port can be taken; of another one it is said who has it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const tcp = { layer: 'tcp', address: '127.0.0.1', port } as const;
  const us = new RegExp(`^held by ".+" \\(process ${process.pid}\\)$`);
  assert.match((await portTaken(tcp)) ?? '', us);
  assert.match((await portTaken({ ...tcp, address: '0.0.0.0' })) ?? '', us);
  assert.is(await portTaken({ ...tcp, address: '127.0.0.2' }), undefined);
  assert.is(await portTaken({ ...tcp, layer: 'udp' }), undefined);
  server.close();
  await once(server, 'close');
  assert.is(await portTaken(tcp), undefined);

  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  assert.match((await portTaken({ ...tcp, layer: 'udp' })) ?? '', us);
  socket.close();
});

test('an address that is not of this host is refused in other words', async () => {
  const reason = await portTaken({ layer: 'tcp', address: '203.0.113.9', port: 8080 });
  assert.match(reason ?? '', 'EADDRNOTAVAIL');
});

test('the ports of a process are those that it listens on', async () => {
  const server = createServer().listen(0, '::1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const mine = (await portsOf(process.pid)).filter((socket) => socket.port === port);
  assert.equal(mine, [{ layer: 'tcp', address: '::1', port }]);
  assert.equal(await portsOf(1 << 30), []);
  server.close();
});

test('rows of the kernel are read as they are', () => {
  const row = (local: string, state: string, inode: number) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  0  0 ${inode} 1 0`;
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    row('0100007F:1F90', '0A', 1),
    row('0100007F:1F91', '01', 2),
    row('B80D0120000000000000000001000000:0050', '0A', 3),
    row('0000000000000000FFFF00000200007F:0051', '0A', 4),
    '',
  ].join('\n');
  assert.equal(
    parseSocketTable(table, 'tcp').map(({ socket, inode }) => [socket.address, socket.port, inode]),
    [
      ['127.0.0.1', 8080, '1'],
      ['2001:db8::1', 80, '3'],
      ['127.0.0.2', 81, '4'],
    ],
  );
});

test.run();
