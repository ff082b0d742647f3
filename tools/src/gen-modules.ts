/** A set of .proto files that is compiled on its own. Paths are relative to the repository root. */
export interface ProtoModule {
  /** Folder in which buf runs: paths in its configurations are relative to it. */
  readonly base: string;
  /** The files' folder, relative to `base`. */
  readonly path: string;
  /** Where the code goes, relative to one of {@link GENERATED}. */
  readonly out: string;
  /** buf configuration in `base`, when the folder is not part of a workspace of its own. */
  readonly config?: string;
  /** What the files are, for those that a server of ours describes by reflection. */
  readonly described?: string;
}

/** Folders whose whole content is generated. */
export const GENERATED = {
  proto: 'shared/proto/gen',
  schema: 'shared/objects/src/gen',
  store: 'shared/store/src/gen',
} as const;

const PROTO_BASE = 'shared/proto';

/** The southbound dialects stand alone because two of them share a package name. */
function southbound(name: string): ProtoModule {
  const path = `southbound/${name}`;
  return {
    ...{ base: PROTO_BASE, path, out: `${GENERATED.proto}/${path}`, config: `${path}.buf.yaml` },
    described: `southbound API ${name}`,
  };
}

export const MODULES: readonly ProtoModule[] = [
  { base: PROTO_BASE, path: '.', out: GENERATED.proto },
  southbound('virtrigaud'),
  southbound('flintlock-2021'),
  southbound('flintlock-current'),
  southbound('isard'),
  southbound('aurae'),
  // What the store speaks to etcd; nobody else's business, hence not among our own protos.
  { base: 'shared/store', path: 'proto', out: GENERATED.store },
];
