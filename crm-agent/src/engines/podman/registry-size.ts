import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { RegistryAuth } from './client-images.js';

/** What a registry may give as the description of an image. */
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const LIMIT_MS = 10_000;
const ANSWER_MAX = 4 * 1024 ** 2;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Sends a GET and gives the whole answer. */
export type Get = (url: URL, headers: Readonly<Record<string, string>>) => Promise<Answer>;

interface Manifest {
  readonly config?: { readonly size?: number };
  readonly layers?: readonly { readonly size?: number }[];
  readonly manifests?: readonly {
    readonly digest?: string;
    readonly platform?: { readonly architecture?: string; readonly os?: string };
  }[];
}

/**
 * Bytes that a registry would send for an image, by its manifest; undefined when that cannot be found out, which keeps
 * nobody from trying. @param fullName with host and tag or digest
 */
export async function registryBytes(
  fullName: string,
  auth: RegistryAuth | undefined,
  get: Get,
): Promise<number | undefined> {
  const source = partsOf(fullName);
  if (!source) return undefined;
  const { host, name } = source;
  let authorization: string | undefined;
  const manifest = async (reference: string): Promise<Manifest | undefined> => {
    const url = new URL(`https://${host}/v2/${name}/manifests/${reference}`);
    const accept = MANIFESTS.join(', ');
    const ask = () => get(url, { accept, ...(authorization === undefined ? {} : { authorization }) });
    let answer = await ask();
    if (answer.status === 401 && authorization === undefined) {
      authorization = await authorized(String(answer.headers['www-authenticate'] ?? ''), auth, get);
      if (authorization !== undefined) answer = await ask();
    }
    return answer.status === 200 ? (JSON.parse(answer.text) as Manifest) : undefined;
  };
  try {
    const first = await manifest(source.reference);
    const one = first?.manifests ? choose(first) : undefined;
    const image = one === undefined ? first : await manifest(one);
    if (!image?.layers) return undefined;
    return image.layers.reduce((sum, { size = 0 }) => sum + size, image.config?.size ?? 0);
  } catch {
    return undefined;
  }
}

/** The way that podman would go; the certificates are those that it trusts, too. */
export async function httpsGet(url: URL, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const ca = [...rootCertificates, ...(await ownAuthorities())];
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers, ca, timeout: LIMIT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_MAX) outgoing.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`nothing for ${LIMIT_MS} ms`)));
    outgoing.on('error', reject).end();
  });
}

async function ownAuthorities(): Promise<readonly string[]> {
  const file = process.env['SSL_CERT_FILE'] ?? '/etc/ssl/certs/ca-certificates.crt';
  return readFile(file, 'utf8').then(
    (text) => [text],
    () => [],
  );
}

function partsOf(fullName: string): { host: string; name: string; reference: string } | undefined {
  const [, host, name, tag, digest] =
    /^([^/]+)\/([^:@]+)(?::([\w.-]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(fullName) ?? [];
  if (host === undefined || name === undefined) return undefined;
  const served = host === 'docker.io' ? 'registry-1.docker.io' : host;
  return { host: served, name, reference: digest ?? tag ?? 'latest' };
}

function choose({ manifests = [] }: Manifest): string | undefined {
  const mine = process.arch === 'x64' ? 'amd64' : process.arch;
  return manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === mine)?.digest;
}

/** What to send along, as the registry wants it; a token is fetched where it says. */
async function authorized(
  challenge: string,
  auth: RegistryAuth | undefined,
  get: Get,
): Promise<string | undefined> {
  const basic = auth && `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  if (/^basic/i.test(challenge)) return basic;
  const word = (name: string) => new RegExp(`${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
  const realm = word('realm');
  // Credentials go nowhere without TLS.
  if (!/^bearer/i.test(challenge) || !realm?.startsWith('https://')) return undefined;
  const url = new URL(realm);
  for (const name of ['service', 'scope']) url.searchParams.set(name, word(name) ?? '');
  const { status, text } = await get(url, basic === undefined ? {} : { authorization: basic });
  if (status !== 200) return undefined;
  const { token, access_token: other } = JSON.parse(text) as { token?: string; access_token?: string };
  const found = token ?? other;
  return found === undefined ? undefined : `Bearer ${found}`;
}
