import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { freePort } from './free-port.js';
import { runCommand } from './run-command.js';
import { startServer } from './server-process.js';

/** A real registry of container images that asks for a password and speaks TLS with a certificate of its own. */
export interface Registry {
  /** `127.0.0.1:<port>`: what the names of its images begin with. */
  readonly host: string;
  /** Certificate that proves it, as SSL_CERT_FILE takes it. */
  readonly certificate: string;
  /** Credentials for the images below `team/`, as `podman login` writes them. */
  readonly authFile: string;
  /** Puts an image of a docker archive there; its digest. */
  push(archive: string, name: string): Promise<string>;
  stop(): Promise<void>;
}

const USER = 'tester';
const PASSWORD = 'open-sesame';
/** Of the password, by crypt(3) with bcrypt: the one sort that the registry reads. */
const HASH = '$2b$05$edgeplaneedgeplaneedgextfApE4eT42.jC7o9e.FRncs0cKUQxq';

/** @throws Error naming the Debian package when there is no such program. */
export async function startRegistry(dir: string): Promise<Registry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  mkdirSync(dir, { recursive: true });
  const file = (name: string) => join(dir, name);
  const certificate = file('cert.pem');
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', file('key.pem'), '-out', certificate],
  ]);
  writeFileSync(file('passwords'), `${USER}:${HASH}\n`);
  const auth = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
  writeFileSync(file('auth.json'), JSON.stringify({ auths: { [`${host}/team`]: { auth } } }));
  writeFileSync(
    file('config.yml'),
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: file('data') } },
      http: { addr: host, tls: { certificate, key: file('key.pem') } },
      auth: { htpasswd: { realm: 'test', path: file('passwords') } },
    }),
  );
  const running = await startServer({
    ...{ command: 'docker-registry', args: ['serve', file('config.yml')], debianPackage: 'docker-registry' },
    serves: () => speaksTls(port),
  });
  return {
    host,
    certificate,
    authFile: file('auth.json'),
    async push(archive, name) {
      const digest = file('digest');
      await run('skopeo', [
        ...['copy', '-q', '--insecure-policy', '--dest-tls-verify=false', '--digestfile', digest],
        ...['--dest-creds', `${USER}:${PASSWORD}`, `docker-archive:${archive}`, `docker://${host}/${name}`],
      ]);
      return (await run('cat', [digest])).trim();
    },
    stop: () => running.kill('SIGTERM'),
  };
}

function speaksTls(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args);
  if (code !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}
