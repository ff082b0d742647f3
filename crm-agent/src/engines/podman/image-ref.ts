import { fail } from '@edgeplane/base';
import { podmanErrors } from './errors.js';

/** Where an image comes from. */
export type ImageSource =
  | { readonly kind: 'archive'; readonly path: string }
  | { readonly kind: 'layout'; readonly path: string }
  | { readonly kind: 'local'; readonly ref: string }
  | { readonly kind: 'registry'; readonly ref: string };

const FORMS: readonly (readonly [string, 'archive' | 'layout'])[] = [
  ['docker-archive:', 'archive'],
  ['oci-archive:', 'archive'],
  ['oci:', 'layout'],
];

/** Reads `docker-archive:/path`, `oci-archive:/path`, `oci:/dir`, an image id or a registry reference. A path must be absolute. */
export function parseImageRef(ref: string): ImageSource {
  for (const [prefix, kind] of FORMS) {
    if (!ref.startsWith(prefix)) continue;
    const path = ref.slice(prefix.length);
    if (!path.startsWith('/')) {
      throw fail(podmanErrors.PODMAN_BAD_SPEC, {
        field: 'image',
        rule: 'a path must be absolute',
        value: ref,
      });
    }
    return { kind, path };
  }
  if (/^(sha256:)?[0-9a-f]{64}$/.test(ref)) return { kind: 'local', ref: ref.replace('sha256:', '') };
  const bare = ref.replace(/^docker:\/\//, '');
  if (!/^[a-z0-9][\w.:/@-]*$/i.test(bare)) {
    throw fail(podmanErrors.PODMAN_BAD_SPEC, {
      field: 'image',
      rule: 'must be an image reference',
      value: ref,
    });
  }
  const full = fullName(bare);
  // No registry has localhost names: they are given to images built or loaded here.
  return { kind: full.startsWith('localhost/') ? 'local' : 'registry', ref: full };
}

/** `nginx` -> `docker.io/library/nginx:latest`: what other container tools mean by a short name. */
export function fullName(ref: string): string {
  const [first = '', ...rest] = ref.split('/');
  const hasHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  const named = hasHost ? ref : rest.length > 0 ? `docker.io/${ref}` : `docker.io/library/${ref}`;
  const last = named.split('/').at(-1) ?? '';
  return last.includes(':') || named.includes('@') ? named : `${named}:latest`;
}
