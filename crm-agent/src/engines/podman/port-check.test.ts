import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerListed } from './api-types.js';
import { hostPortsOf, portKeys, refuseTakenPorts } from './port-check.js';

test('a free port passes, a taken one is named', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const hostPort = typeof address === 'object' && address ? address.port : 0;
  const tcp = { proto: 'tcp', hostIp: '127.0.0.1', hostPort } as const;
  const taken = new RegExp(`host port ${hostPort} wanted by "web" is already in use`);
  const refused = async (work: Promise<void>) => assert.match(await work.then(() => 'passed', String), taken);
  await refused(refuseTakenPorts('web', [tcp]));
  // All addresses include the one that is taken.
  await refused(refuseTakenPorts('web', [{ proto: 'tcp', hostPort }]));
  await refuseTakenPorts('web', [{ ...tcp, proto: 'udp' }]);
  server.close();
  await once(server, 'close');
  await refuseTakenPorts('web', [tcp]);

  const socket = createSocket('udp4').bind(hostPort, '127.0.0.1');
  await once(socket, 'listening');
  await refused(refuseTakenPorts('web', [{ ...tcp, proto: 'udp' }]));
  socket.close();
});

test('ports of a pod count once', () => {
  const Ports = [{ host_ip: '', host_port: 80, container_port: 8080, range: 2, protocol: 'tcp' }];
  const listed = [{ Ports }, { Ports }, { Ports: null }] as unknown as ContainerListed[];
  assert.equal(hostPortsOf(listed), [
    { proto: 'tcp', hostIp: '', hostPort: 80 },
    { proto: 'tcp', hostIp: '', hostPort: 81 },
  ]);
  assert.equal(portKeys([...hostPortsOf(listed), { proto: 'tcp', hostIp: '1.2.3.4', hostPort: 80 }]), [
    'port tcp 80',
    'port tcp 81',
  ]);
});

test.run();
