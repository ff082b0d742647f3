// test: timeout=120s
/** Manifests and generators behind a real HTTP server, used by a real controller. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ROOT, runCommand, startAgent, startController, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLUSTER_ARGS, instanceArgs, prepareSite } from './site.js';

/** A certificate, an object of a kind nobody knows, and two Services of different types. */
const MANIFEST = `kind: Secret
metadata: { name: cert }
stringData:
  cert: |
    -----BEGIN CERTIFICATE-----
    ---
    -----END CERTIFICATE-----
---
kind: Whatever
spec: 7
---
kind: Service
metadata: { name: front }
spec: { type: ClusterIP, ports: [ { protocol: TCP, port: 80, targetPort: 8081 } ] }
---
kind: Service
metadata: { name: names }
spec: { type: NodePort, ports: [ { protocol: UDP, port: 53 } ] }
`;

interface GeneratorRequest {
  readonly name: string;
  readonly ports: readonly { readonly Proto: string; readonly Port: string }[] | null;
}

/** A generator that makes one Service for the first port. */
function generated({ name, ports }: GeneratorRequest): string {
  const port = Number(ports?.[0]?.Port ?? 0);
  return JSON.stringify({ kind: 'Service', metadata: { name: `${name}-made` }, spec: { ports: [{ port }] } });
}

test('manifests are fetched, asked for again when the App changes, and name the ports of instances', async () => {
  const asked: GeneratorRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      if (request.method === 'POST') {
        asked.push(JSON.parse(body) as GeneratorRequest);
        response.end(generated(JSON.parse(body) as GeneratorRequest));
      } else if (request.url === '/moved') response.writeHead(302, { Location: '/manifest' }).end();
      else if (request.url === '/manifest') response.end(MANIFEST);
      else response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dir = tempDir('manifests');
  const strict = await startController(dir.path, 'memory', [], 'strict');
  const controller = await startController(dir.path, 'memory', ['--allow-local-fetch']);
  const { api = '', notify = '' } = controller.addresses;
  const agent = await startAgent(dir.path, notify, { operator: 'op', name: 'site' }, [
    ...['--platform', 'fakecloudlet'],
  ]);
  const edgectl = async (args: string[], at = api) => {
    const program = join(ROOT, 'bin/edgectl');
    const all = ['--addr', at, '--output-format', 'json', 'controller', ...args];
    const { code, stdout, stderr } = await runCommand(program, all);
    return code === 0 ? stdout : stderr;
  };
  const app = (name: string, ...more: string[]) => [
    ...['--key-developerkey-name', 'dev', '--key-name', name, '--key-version', '1.0', ...more],
  ];
  const create = (name: string, ports: string, ...more: string[]) => [
    'CreateApp',
    ...app(name, '--imagetype', 'ImageTypeDocker', '--accessports', ports),
    ...['--defaultflavor-name', 'x1.small', ...more],
  ];
  try {
    await prepareSite(api);
    const fetched = create('fetched', 'tcp:8081,udp:53', '--deploymentmanifest', `${url}/moved`);
    assert.match(
      await edgectl(fetched, strict.addresses['api']),
      'fetched from only with --allow-local-fetch',
    );
    await edgectl(fetched);
    await edgectl(create('made', 'tcp:9001', '--deploymentgenerator', `${url}/gen`));
    const missing = await edgectl(create('none', 'tcp:1', '--deploymentmanifest', `${url}/none`));
    assert.match(missing, `cannot get manifest from ${url}/none, bad response from remote manifest 404`);
    await edgectl(['UpdateApp', ...app('made', '--accessports', 'tcp:9002')]);
    assert.equal(
      asked.map(({ name, ports }) => [name, ports]),
      [
        ['made', [{ Proto: 'tcp', Port: '9001' }]],
        ['made', [{ Proto: 'tcp', Port: '9002' }]],
      ],
    );
    await edgectl(['CreateClusterInst', ...CLUSTER_ARGS]);
    for (const name of ['fetched', 'made']) {
      assert.match(await edgectl(['CreateAppInst', ...instanceArgs(name)]), 'Created successfully');
    }
    const shown = JSON.parse(await edgectl(['ShowAppInst'])) as {
      mapped_ports: { internal_port: number; fqdn_prefix: string }[];
    }[];
    const prefixes = shown.flatMap((inst) => inst.mapped_ports.map((p) => [p.internal_port, p.fqdn_prefix]));
    assert.equal(prefixes.sort(), [
      [53, 'names.'],
      [8081, 'front.'],
      [9002, 'made-made.'],
    ]);
  } finally {
    await agent.stop();
    await controller.stop();
    await strict.stop();
    await new Promise((resolve) => server.close(resolve));
    dir.remove();
  }
});

test.run();
