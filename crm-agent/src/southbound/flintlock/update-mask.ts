import { fail } from '@edgeplane/base';
import { MicroVMSpec } from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import { flintlockErrors } from './errors.js';

type Members = Record<string, unknown>;

/** Members that the server sets. */
const OWN = ['createdAt', 'updatedAt', 'deletedAt'];

/**
 * A specification with those members of another that a field mask names; without a mask, with all that callers set. A path may
 * begin with `microvm.`, lead into a member or to one entry of a map, and be in either spelling.
 * @throws BAD_MASK naming the path, IMMUTABLE for times
 */
export function masked(present: MicroVMSpec, wanted: MicroVMSpec, paths: readonly string[]): MicroVMSpec {
  const known = MicroVMSpec.create() as unknown as Members;
  const target = MicroVMSpec.decode(MicroVMSpec.encode(present).finish()) as unknown as Members;
  const source = wanted as unknown as Members;
  const all = Object.keys(known).filter((name) => !OWN.includes(name));
  const named = paths.length > 0 ? paths.map(segmentsOf) : all.map((name) => [name]);
  for (const [i, segments] of named.entries()) {
    const path = paths[i] ?? '';
    const [first = ''] = segments;
    if (!Object.hasOwn(known, first)) throw fail(flintlockErrors.BAD_MASK, { path });
    if (OWN.includes(first)) throw fail(flintlockErrors.IMMUTABLE, { field: path });
    copy(target, source, segments, path);
  }
  return target as unknown as MicroVMSpec;
}

const MAPS = ['labels', 'metadata'];

function segmentsOf(path: string): string[] {
  const segments = path.replace(/^microvm\./, '').split('.');
  const [first = '', ...rest] = segments;
  // Keys of a map are spelled as they are, and may have dots in them.
  if (MAPS.includes(first)) return rest.length > 0 ? [first, rest.join('.')] : [first];
  return segments.map((name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

function copy(target: Members, source: Members, [name = '', ...rest]: readonly string[], path: string): void {
  if (rest.length === 0) {
    if (source[name] === undefined) delete target[name];
    else target[name] = source[name];
    return;
  }
  const from = source[name] ?? {};
  if (typeof from !== 'object' || Array.isArray(from)) throw fail(flintlockErrors.BAD_MASK, { path });
  const inner = { ...(target[name] as Members | undefined) };
  const [next = ''] = rest;
  const isKnown = MAPS.includes(name) || Object.hasOwn(inner, next) || Object.hasOwn(from, next);
  if (!isKnown) throw fail(flintlockErrors.BAD_MASK, { path });
  copy(inner, from as Members, rest, path);
  target[name] = inner;
}
