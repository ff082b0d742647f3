/**
 * Sets of .proto files that are compiled on their own, as the southbound dialects must be: two of them share a
 * package name. `path` is the folder below shared/proto, `out` where its code goes below shared/proto/gen.
 */
export interface ProtoModule {
  readonly path: string;
  readonly out: string;
  /** buf configuration beside the folder, when the folder is not part of the core workspace. */
  readonly config?: string;
}

function southbound(name: string): ProtoModule {
  return { path: `southbound/${name}`, out: `southbound/${name}`, config: `southbound/${name}.buf.yaml` };
}

export const MODULES: readonly ProtoModule[] = [
  { path: '.', out: '.' },
  southbound('virtrigaud'),
  southbound('flintlock-2021'),
  southbound('flintlock-current'),
  southbound('isard'),
  southbound('aurae'),
];
