/** What this check needs of a package.json. */
export interface PackageFacts {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Layer of every package: it may depend only on lower ones, or on those named in its own row's exceptions. */
export const LAYERS: Readonly<Record<string, number>> = {
  '@edgeplane/base': 0,
  '@edgeplane/proto': 0,
  '@edgeplane/objects': 1,
  '@edgeplane/observe': 1,
  '@edgeplane/lifecycle': 1,
  '@edgeplane/store': 2,
  '@edgeplane/remote-shell': 2,
  '@edgeplane/rpc': 2,
  '@edgeplane/bus': 2,
  '@edgeplane/gateway': 3,
  '@edgeplane/notify': 3,
  '@edgeplane/controller': 4,
  '@edgeplane/crm-agent': 4,
  '@edgeplane/dme': 4,
  '@edgeplane/relay': 4,
  '@edgeplane/cli': 5,
  '@edgeplane/test-harness': 5,
  '@edgeplane/tools': 5,
  '@edgeplane/quickstart': 6,
  '@edgeplane/test-contract': 6,
  '@edgeplane/test-e2e': 6,
  '@edgeplane/test-bench': 6,
  '@edgeplane/test-campaign': 6,
  '@edgeplane/sim': 6,
};

/** The agent, the match engine and the relay know no store. */
const FORBIDDEN: readonly (readonly [string, string])[] = [
  ['@edgeplane/crm-agent', '@edgeplane/store'],
  ['@edgeplane/dme', '@edgeplane/store'],
  ['@edgeplane/relay', '@edgeplane/store'],
];

/** Dependencies between packages that point the wrong way. */
export function layerFindings(packages: readonly PackageFacts[]): string[] {
  const out: string[] = [];
  for (const { name, dependencies = {} } of packages) {
    const layer = LAYERS[name];
    if (layer === undefined) {
      out.push(`${name}: not in the table of layers`);
      continue;
    }
    for (const dependency of Object.keys(dependencies).filter((d) => d.startsWith('@edgeplane/'))) {
      const below = LAYERS[dependency];
      if (below === undefined || below >= layer) out.push(`${name}: must not depend on ${dependency}`);
      if (FORBIDDEN.some(([a, b]) => a === name && b === dependency))
        out.push(`${name}: never ${dependency}`);
    }
  }
  return out;
}
