// test: timeout=180s serial
/** A real agent with all its doors, and callers with Google's gRPC: who lacks anything gets nothing of any door. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import {
  type Running,
  runPythonClient,
  type SouthboundApi,
  startAgent,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const SCRIPT = resolve(fileURLToPath(import.meta.url), '../southbound-access.py');
const TOKEN = 'token-of-the-site-3f9d1c77';
const NO_CONTROLLER = '127.0.0.1:9';

const dir = tempDir('access');
const ca = makeTestCa(dir.path, 'ca');
makeTestCa(dir.path, 'other-ca');
const server = makeTestCertificate(dir.path, 'server', 'ca');
const manager = makeTestCertificate(dir.path, 'manager', 'ca', 'DNS:manager.site');
const stranger = makeTestCertificate(dir.path, 'stranger', 'other-ca', 'DNS:manager.site');
writeFileSync(join(dir.path, 'tokens'), `${TOKEN}\n`, { mode: 0o600 });

const LISTENERS: readonly {
  /** As in the agent's addresses. */
  readonly name: string;
  readonly flag: string;
  readonly api: SouthboundApi;
  /** One that only reads, and takes an empty message. */
  readonly method: string;
  readonly scheme?: 'Basic';
  /** Status for callers without the token. */
  readonly refused: string;
  /** Status of the call for those who may call. */
  readonly answer?: string;
}[] = [
  {
    ...{ name: 'virtrigaud', flag: '--virtrigaud-addr', api: 'virtrigaud', refused: 'PERMISSION_DENIED' },
    method: 'provider.v1.Provider/GetCapabilities',
  },
  {
    ...{ name: 'flintlock current', flag: '--flintlock-addr', api: 'flintlock-current', scheme: 'Basic' },
    ...{ refused: 'UNAUTHENTICATED', method: 'microvm.services.api.v1alpha1.MicroVM/ListMicroVMs' },
  },
  {
    ...{ name: 'flintlock 2021', flag: '--flintlock-2021-addr', api: 'flintlock-2021', scheme: 'Basic' },
    ...{ refused: 'UNAUTHENTICATED', method: 'microvm.services.api.v1alpha1.MicroVM/ListMicroVMs' },
    // It wants a namespace.
    answer: 'INVALID_ARGUMENT',
  },
  {
    ...{ name: 'operations', flag: '--operations-addr', api: 'isard', refused: 'UNAUTHENTICATED' },
    method: 'operations.v1.OperationsService/ListHypervisors',
  },
  {
    ...{ name: 'aurae', flag: '--aurae-addr', api: 'aurae', refused: 'UNAUTHENTICATED' },
    ...{ method: 'aurae.runtime.pod.v0.PodService/Stop', answer: 'NOT_FOUND' },
  },
];

let agent: Running;

test.before(async () => {
  const doors = ['virtrigaud', 'flintlock', 'operations', 'aurae'].flatMap((door) => [
    ...[`--${door}-cert`, server.cert, `--${door}-key`, server.key, `--${door}-client-ca`, ca.cert],
    ...[`--${door}-token-file`, join(dir.path, 'tokens'), `--${door}-allowed-names`, 'manager.site'],
  ]);
  agent = await startAgent(dir.path, NO_CONTROLLER, { operator: 'op', name: 'doors' }, [
    ...['--platform', 'fakecloudlet', ...doors],
    ...LISTENERS.flatMap(({ flag }) => [flag, '127.0.0.1:0']),
  ]);
});

test.after(async () => {
  await agent.stop(60_000);
  dir.remove();
});

const all = (status: string) => ({
  ...{ api: status, health: status, reflection: status, method: status, service: status },
});

interface Found {
  readonly services: readonly string[];
  readonly health: readonly string[];
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

for (const { name, api, method, scheme, refused, answer = 'OK' } of LISTENERS) {
  test(`${name}: nothing without certificate and token, everything with both`, async () => {
    const authorization = scheme ? `${scheme} ${Buffer.from(TOKEN).toString('base64')}` : `Bearer ${TOKEN}`;
    const service = method.split('/')[0] ?? '';
    const healthNames = ['', service];
    const input = { method, authorization, healthNames, stranger };
    const tls = { ca: ca.cert, ...manager };
    const address = agent.addresses[name] ?? '';
    const found = await runPythonClient<Found>({ api, script: SCRIPT, address, tls, authorization, input });
    assert.ok(found.services.includes(service), found.services.join());
    assert.equal(found.health, healthNames);
    const { right, ...others } = found.outcomes;
    assert.equal(right, { ...all('OK'), api: answer, method: 'UNIMPLEMENTED', service: 'UNIMPLEMENTED' });
    assert.equal(others, {
      'no token': all(refused),
      'wrong token': all(refused),
      ...{ 'no certificate': all('UNAVAILABLE'), stranger: all('UNAVAILABLE') },
      'plain text': all('UNAVAILABLE'),
    });
  });
}

test("what is kept below the state folder is nobody else's, and no token is in the log", () => {
  const state = join(dir.path, 'agent-doors', 'southbound');
  for (const door of ['virtrigaud', 'flintlock', 'operations', 'aurae'])
    assert.is(statSync(join(state, door)).mode & 0o777, 0o700);
  const log = readFileSync(join(dir.path, 'agent-doors.log'), 'utf8');
  assert.ok(log.includes('"Ready"'), log.slice(-500));
  assert.not(log.includes(TOKEN) || log.includes(Buffer.from(TOKEN).toString('base64')));
});

test.run();
