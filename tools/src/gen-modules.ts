/** A set of .proto files that is compiled on its own: its folder below shared/proto, and where its code goes below gen. */
export interface ProtoModule {
  readonly path: string;
  readonly out: string;
}

export const MODULES: readonly ProtoModule[] = [{ path: '.', out: '.' }];
