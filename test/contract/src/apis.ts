import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Inventory } from './inventory.js';
import type { ProtoTree } from './load.js';

/** One API whose wire form is promised to others. */
export interface ApiContract {
  /** Also the name of its facts file. */
  readonly name: string;
  readonly tree: ProtoTree;
}

// The same steps lead there from src and from dist.
const protoRoot = fileURLToPath(new URL('../../../shared/proto', import.meta.url));
const factsRoot = new URL('../facts/', import.meta.url);
const thirdParty = `${protoRoot}/third-party`;

function southbound(name: string): ApiContract {
  return { name, tree: { root: `${protoRoot}/southbound/${name}`, imports: [thirdParty] } };
}

/** Each API is loaded alone: the two flintlock dialects define the same full names differently. */
export const apis: readonly ApiContract[] = [
  {
    name: 'edgeproto',
    tree: {
      root: protoRoot,
      except: ['southbound', 'third-party', 'gen', 'dist', 'node_modules'],
      imports: [thirdParty],
    },
  },
  southbound('virtrigaud'),
  southbound('flintlock-2021'),
  southbound('flintlock-current'),
  southbound('isard'),
  southbound('aurae'),
];

export function contractOf(name: string): ApiContract {
  const found = apis.find((api) => api.name === name);
  if (found === undefined) throw new Error(`no API named ${name}`);
  return found;
}

/** What the API promises, from its facts file. */
export function factsOf(api: ApiContract): Inventory {
  return JSON.parse(readFileSync(new URL(`${api.name}.json`, factsRoot), 'utf8')) as Inventory;
}

/** Known bytes of a message in one flintlock dialect. */
export interface WireVector {
  readonly dialect: string;
  readonly message: string;
  /** The message in protobuf JSON. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly hex: string;
}

export function flintlockVectors(): readonly WireVector[] {
  return JSON.parse(readFileSync(new URL('flintlock-vectors.json', factsRoot), 'utf8')) as WireVector[];
}
