import { readFile } from 'node:fs/promises';
import { fail, messageOf } from '@edgeplane/base';
import type { RegistryAuth } from './client-images.js';
import { podmanErrors } from './errors.js';

/** Docker's own registry goes by another name in what `docker login` writes. */
const DOCKER_HUB = ['docker.io', 'index.docker.io', 'https://index.docker.io/v1/'];

/**
 * Credentials for the registry of an image, from a file as `podman login` and `docker login` write it; none when it has
 * none for it. It is read each time, as logins come and go. @throws PODMAN_BAD_AUTH_FILE; never with what is in it
 */
export async function credentialsFor(file: string, fullName: string): Promise<RegistryAuth | undefined> {
  const broken = (reason: string) => fail(podmanErrors.PODMAN_BAD_AUTH_FILE, { file, reason });
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw broken(messageOf(error));
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw broken('it is not JSON');
  }
  return findCredentials(json, fullName);
}

/** The entry for the longest part of the name that has one: `host/team/app`, then `host/team`, then `host`. */
export function findCredentials(json: unknown, fullName: string): RegistryAuth | undefined {
  const auths = member(json, 'auths');
  const parts = fullName.split('@')[0]?.split('/') ?? [];
  const last = parts.length - 1;
  const bare = parts.map((part, i) => (i === last && last > 0 ? (part.split(':')[0] ?? '') : part));
  for (let length = bare.length; length > 0; length--) {
    const name = bare.slice(0, length).join('/');
    for (const alias of name === DOCKER_HUB[0] ? DOCKER_HUB : [name, `https://${name}`]) {
      const found = decoded(member(member(auths, alias), 'auth'));
      if (found) return found;
    }
  }
  return undefined;
}

/** `user:password` in base 64. */
function decoded(auth: unknown): RegistryAuth | undefined {
  if (typeof auth !== 'string' || auth === '') return undefined;
  const text = Buffer.from(auth, 'base64').toString();
  const at = text.indexOf(':');
  return at < 0 ? undefined : { username: text.slice(0, at), password: text.slice(at + 1) };
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
