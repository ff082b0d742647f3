import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseHostsFile } from './hosts-file.js';

const KERNEL =
  'kernel: { image: "example/kernel:6", filename: boot/vmlinux, cmdline: { console: ttyS0, quiet: } }\n';
const parse = (text: string) => parseHostsFile(`${KERNEL}${text}`, '/etc/ep/hosts.yaml');

test('hosts with what they are known by; paths are beside the file', () => {
  const { kernel, initrd, hosts } = parse(`
hosts:
- address: one.example:9090
  ca: ca.crt
  cert: /keys/agent.crt
  key: agent.key
  server_name: flintlock
  token_file: token
  network: { addresses: 10.0.0.10-10.0.0.20, prefix: 20, gateway: 10.0.0.1, nameservers: [1.1.1.1, "fd00::1"] }
- { address: "127.0.0.1:9091", insecure: true, dialect: 2021 }
`);
  assert.equal(kernel, {
    ...{ image: 'example/kernel:6', filename: 'boot/vmlinux', cmdline: { console: 'ttyS0', quiet: '' } },
  });
  assert.is(initrd, undefined);
  const [one, two] = hosts;
  assert.equal(one?.endpoint, {
    ...{
      address: 'one.example:9090',
      ca: '/etc/ep/ca.crt',
      cert: '/keys/agent.crt',
      key: '/etc/ep/agent.key',
    },
    ...{ tokenFile: '/etc/ep/token', serverName: 'flintlock', insecure: false },
  });
  assert.equal(one?.network, {
    ...{ bridge: '', first: '10.0.0.10', last: '10.0.0.20', prefix: 20, gateway: '10.0.0.1' },
    nameServers: ['1.1.1.1', 'fd00::1'],
  });
  assert.equal([one?.dialect, two?.dialect, two?.network], ['current', '2021', undefined]);
});

test('what is wrong is named with its place', () => {
  const host = 'address: "h:1", insecure: true';
  for (const [text, rule] of [
    ['', /hosts.yaml: hosts: must name at least one host/],
    ['hosts: 5', /hosts.yaml: hosts: must be a list/],
    ['hosts: [x]', /hosts\[0\]: must be a mapping/],
    ['hosts: [{ address: x }]', /bad address "x"/],
    ['hosts: [{ address: "h:1" }]', /hosts\[0\]: ca: of h:1 must be given, or insecure: true/],
    [`hosts: [{ ${host} }, { ${host} }]`, /hosts: must name each address once, but got "h:1"/],
    [`hosts: [{ ${host}, dialect: 1999 }]`, /dialect: must be one of current, 2021, but got "1999"/],
    [`hosts: [{ ${host}, network: { addresses: x } }]`, /network: addresses: must be <first>-<last>, IPv4/],
    [`hosts: [{ ${host}, network: { addresses: 10.0.0.9-10.0.0.1 } }]`, /but got "10.0.0.9-10.0.0.1"/],
    [`hosts: [{ ${host}, network: { addresses: 10.0.0.1, prefix: 33 } }]`, /prefix: must be from 1 to 32/],
    [
      `hosts: [{ ${host}, network: { addresses: 10.0.0.1, gateway: x } }]`,
      /gateway: must be an IPv4 address/,
    ],
    ['hosts: [', /list of hosts \/etc\/ep\/hosts.yaml cannot be read/],
  ] as const)
    assert.throws(() => parse(text), rule, text);
  assert.throws(
    () => parseHostsFile('hosts: [{ address: "h:1", insecure: true }]', 'f'),
    /f: kernel: must say/,
  );
});

test.run();
