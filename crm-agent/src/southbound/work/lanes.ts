/** An operation that waits for its turn. */
export interface Waiting {
  readonly id: string;
  readonly lanes: readonly string[];
  /** Takes a worker while it runs; one that only waits for others takes none. */
  readonly takesWorker: boolean;
  /** It is on disk; until then it only holds its place. */
  readonly ready: boolean;
}

/**
 * Which of the waiting operations may begin now. First come, first served in each lane: one that has to wait holds its
 * place in all its lanes. `waiting` in order of arrival; `busy`: lanes of those that run; `free`: idle workers.
 */
export function mayBegin<W extends Waiting>(
  waiting: Iterable<W>,
  busy: ReadonlySet<string>,
  free: number,
): readonly W[] {
  const taken = new Set(busy);
  const out: W[] = [];
  let workers = free;
  for (const operation of waiting) {
    const clear = operation.lanes.every((lane) => !taken.has(lane));
    for (const lane of operation.lanes) taken.add(lane);
    if (!clear || !operation.ready || (operation.takesWorker && workers <= 0)) continue;
    if (operation.takesWorker) workers -= 1;
    out.push(operation);
  }
  return out;
}

/** How many wait before an operation in one of its lanes. */
export function waitingBefore(waiting: Iterable<Waiting>, operation: Waiting): number {
  let before = 0;
  for (const other of waiting) {
    if (other.id === operation.id) break;
    if (other.lanes.some((lane) => operation.lanes.includes(lane))) before += 1;
  }
  return before;
}
