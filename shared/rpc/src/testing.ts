import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Certificates for tests. */

/** Paths of a certificate and its key. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes a CA in a folder: `<name>.crt` and `<name>.key`. */
export function makeTestCa(dir: string, name: string): TestCertificate {
  openssl(dir, 'req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${name}`, ...files(name));
  return pathsOf(dir, name);
}

/** Makes a certificate of that CA; `altNames` such as `DNS:agent,URI:spiffe://site/agent`, the common name is `name`. */
export function makeTestCertificate(
  dir: string,
  name: string,
  ca: string,
  altNames = 'IP:127.0.0.1,DNS:localhost',
  organization = '',
): TestCertificate {
  const subject = `${organization && `/O=${organization}`}/CN=${name}`;
  openssl(dir, 'req', ...KEY, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${altNames}`);
  const signing = ['-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-days', '2'];
  openssl(
    dir,
    ...['x509', '-req', '-in', `${name}.csr`, ...signing, '-extfile', `${name}.ext`, '-out', `${name}.crt`],
  );
  return pathsOf(dir, name);
}

const files = (name: string) => ['-keyout', `${name}.key`, '-out', `${name}.crt`];

function pathsOf(dir: string, name: string): TestCertificate {
  return { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) };
}

function openssl(dir: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
}
