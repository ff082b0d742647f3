import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsMaterial } from '@edgeplane/rpc';

/** Certificates for tests: a CA, a server known as `machines.example`, and a client of it. */
export interface TestCerts {
  readonly serverName: string;
  readonly server: TlsMaterial;
  /** Paths. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

/** Makes them in the folder. */
export function makeTestCerts(dir: string): TestCerts {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const serverName = 'machines.example';
  openssl('req', '-x509', ...KEY, '-subj', '/CN=test-ca', '-keyout', 'ca.key', '-out', 'ca.crt');
  for (const name of ['server', 'client']) {
    openssl('req', ...KEY, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    writeFileSync(join(dir, 'ext'), `subjectAltName=DNS:${name === 'server' ? serverName : name}`);
    const ca = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...ca, '-out', `${name}.crt`);
  }
  const read = (file: string) => readFileSync(join(dir, file));
  return {
    serverName,
    server: { ca: read('ca.crt'), cert: read('server.crt'), key: read('server.key') },
    ...{ ca: join(dir, 'ca.crt'), cert: join(dir, 'client.crt'), key: join(dir, 'client.key') },
  };
}
