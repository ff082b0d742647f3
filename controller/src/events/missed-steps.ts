import type { CurrentState, StateStep } from './state-changes.js';

/** What was last told of an object. */
export interface Told {
  readonly type: string;
  readonly key: string;
  readonly order: number;
  readonly to: string;
}

/** The objects of a type as they are, without how they change. */
export interface States {
  readonly type: string;
  readonly absent: string;
  current(): readonly CurrentState[];
}

/**
 * Steps that nobody has told, because no controller lived to do so: one from the last told state to the current one, for
 * each object of which something was told. `revision` is that of the listing in which objects are not there.
 */
export function missedSteps(told: Iterable<Told>, sources: readonly States[], revision: number): StateStep[] {
  const byType = new Map(
    sources.map((source) => [
      source.type,
      { absent: source.absent, objects: new Map(source.current().map((o) => [o.key, o])) },
    ]),
  );
  const steps: StateStep[] = [];
  for (const { type, key, order, to: from } of told) {
    const known = byType.get(type);
    if (!known) continue;
    const object = known.objects.get(key);
    if (object) {
      if (object.state === from || object.revision <= order) continue;
      steps.push({ type, key, from, to: object.state, revision: object.revision, gone: false });
    } else if (from !== known.absent && revision > order) {
      steps.push({ type, key, from, to: known.absent, revision, gone: true });
    }
  }
  return steps;
}
