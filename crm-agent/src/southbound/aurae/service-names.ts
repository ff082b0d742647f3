import { PodServiceService } from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';

/** Full names under which clients of different ages call the same four verbs (Aurae spec section B5). */
export const POD_SERVICE_NAMES = [
  'aurae.runtime.pod.v0.PodService',
  'aurae.runtime.v0.PodService',
  'runtime.v0.PodService',
] as const;

type Definition = typeof PodServiceService;

/** The service under another name: the same messages, other paths. */
export function podServiceAs(name: string): Definition {
  const methods = Object.entries(PodServiceService).map(([key, method]) => [
    key,
    { ...method, path: `/${name}/${method.path.split('/')[2] ?? ''}` },
  ]);
  // Paths are literal types in what is generated, and only there.
  return Object.fromEntries(methods) as unknown as Definition;
}
