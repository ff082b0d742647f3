import type { UnitVector } from './geo.js';

/** Something at a place on the sphere, where it stays for as long as it is in a tree. */
export interface Placed {
  readonly at: UnitVector;
}

type Axis = 0 | 1 | 2;

/** Points of one cell; their coordinates lie side by side, as that is what a search reads. */
class Leaf<P> {
  readonly points: P[] = [];
  /** x, y, z of each point. */
  readonly coordinates: number[] = [];
}

/** A cell cut in two: what is below `middle` on the axis, and the rest. */
class Branch<P> {
  readonly axis: Axis;
  readonly middle: number;
  low: Node<P>;
  high: Node<P>;

  constructor(axis: Axis, middle: number, low: Node<P>, high: Node<P>) {
    this.axis = axis;
    this.middle = middle;
    this.low = low;
    this.high = high;
  }
}

type Node<P> = Leaf<P> | Branch<P>;

/** Points in a leaf before it is cut, and in two leaves before they are one again. */
const LEAF_MOST = 16;
const LEAVES_FEWEST = 8;
/** A cell whose longest spread is less is not cut: its points are as good as one. Far below a millimetre. */
const SMALLEST_SPREAD = 1e-12;
/** Squares of chords that differ by less may be in the wrong order; see `near`. */
const CHORD_TOLERANCE = 1e-12;

/**
 * Points on the unit sphere, to be searched for the nearest. Space is cut in halves, always through the middle of a cell, so
 * its shape depends on what is in it and not on the order in which that came: it never has to be balanced, a change costs a
 * path of some 120 cells at most, and no change can hold up a search. In three dimensions the poles and the date line are
 * places like any other (docs/adr/0025-nearest-instance.md).
 */
export class SphereTree<P extends Placed> {
  #root: Node<P> = new Leaf<P>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(point: P): void {
    this.#size += 1;
    const cell = new Cell();
    let parent: Branch<P> | undefined;
    let node = this.#root;
    while (node instanceof Branch) {
      parent = node;
      node = cell.enter(node, point.at);
    }
    put(node, point);
    if (node.points.length <= LEAF_MOST) return;
    const cut = cutLeaf(node, cell);
    if (!cut) return;
    if (!parent) this.#root = cut;
    else if (parent.low === node) parent.low = cut;
    else parent.high = cut;
  }

  /** Takes out this very point; false when it is not there. */
  remove(point: P): boolean {
    const path: Branch<P>[] = [];
    let node = this.#root;
    while (node instanceof Branch) {
      path.push(node);
      node = half(node, point.at);
    }
    const index = node.points.indexOf(point);
    if (index < 0) return false;
    takeOut(node, index);
    this.#size -= 1;
    this.#join(path);
    return true;
  }

  /** The points that share a cell with this vector; whatever is exactly there is among them. */
  around(at: UnitVector): readonly P[] {
    let node = this.#root;
    while (node instanceof Branch) node = half(node, at);
    return node.points;
  }

  /**
   * The `count` points nearest to `from` by their chords, in no order, with all that rounding could take for one of those:
   * whatever is left out is farther than each of `count` others, by the exact distance too.
   */
  near(from: UnitVector, count: number): readonly P[] {
    const search = new Search<P>(from, Math.max(count, 1));
    search.visit(this.#root, 0, 0, 0, 0);
    return search.close();
  }

  /** Every point, in no order. */
  *[Symbol.iterator](): IterableIterator<P> {
    const left: Node<P>[] = [this.#root];
    for (let node = left.pop(); node; node = left.pop()) {
      if (node instanceof Branch) left.push(node.high, node.low);
      else yield* [...node.points];
    }
  }

  /** Makes one leaf of the last branch of the path, as long as what is left fits easily. */
  #join(path: Branch<P>[]): void {
    for (let branch = path.pop(); branch; branch = path.pop()) {
      const { low, high } = branch;
      if (low instanceof Branch || high instanceof Branch) return;
      if (low.points.length + high.points.length > LEAVES_FEWEST) return;
      for (const point of high.points) put(low, point);
      const parent = path.at(-1);
      if (!parent) this.#root = low;
      else if (parent.low === branch) parent.low = low;
      else parent.high = low;
    }
  }
}

/** The bounds of a cell, found again on the way to it. */
class Cell {
  readonly #least = [-1, -1, -1];
  readonly #most = [1, 1, 1];

  middle(axis: Axis): number {
    return ((this.#least[axis] ?? 0) + (this.#most[axis] ?? 0)) / 2;
  }

  enter<P>(branch: Branch<P>, at: UnitVector): Node<P> {
    const isLow = at[branch.axis] < branch.middle;
    this.narrow(branch.axis, branch.middle, isLow);
    return isLow ? branch.low : branch.high;
  }

  narrow(axis: Axis, middle: number, isLow: boolean): void {
    (isLow ? this.#most : this.#least)[axis] = middle;
  }
}

function half<P>(branch: Branch<P>, at: UnitVector): Node<P> {
  return at[branch.axis] < branch.middle ? branch.low : branch.high;
}

function put<P extends Placed>(leaf: Leaf<P>, point: P): void {
  leaf.points.push(point);
  leaf.coordinates.push(point.at[0], point.at[1], point.at[2]);
}

function takeOut<P extends Placed>({ points, coordinates }: Leaf<P>, index: number): void {
  const last = points.pop();
  coordinates.length -= 3;
  if (!last || index === points.length) return;
  points[index] = last;
  for (const axis of [0, 1, 2] as const) coordinates[3 * index + axis] = last.at[axis];
}

/** Cuts a leaf where its points are spread most; undefined when they are all at one place. */
function cutLeaf<P extends Placed>(leaf: Leaf<P>, cell: Cell): Branch<P> | undefined {
  let axis: Axis = 0;
  let spread = 0;
  for (const candidate of [0, 1, 2] as const) {
    let [least, most] = [2, -2];
    for (const { at } of leaf.points) {
      least = Math.min(least, at[candidate]);
      most = Math.max(most, at[candidate]);
    }
    if (most - least > spread) [axis, spread] = [candidate, most - least];
  }
  if (!(spread > SMALLEST_SPREAD)) return undefined;
  const middle = cell.middle(axis);
  const [low, high] = [new Leaf<P>(), new Leaf<P>()];
  for (const point of leaf.points) put(point.at[axis] < middle ? low : high, point);
  const branch = new Branch<P>(axis, middle, low, high);
  // All may be on one side; that is cut again.
  const isLow = low.points.length > LEAF_MOST;
  if (!isLow && high.points.length <= LEAF_MOST) return branch;
  cell.narrow(axis, middle, isLow);
  const again = cutLeaf(isLow ? low : high, cell);
  if (again && isLow) branch.low = again;
  else if (again) branch.high = again;
  return branch;
}

/** One search: the nearer half of each cell first, the other only if it can have something as near. */
class Search<P> {
  readonly #x: number;
  readonly #y: number;
  readonly #z: number;
  readonly #count: number;
  /** Points that may be wanted, nearest first. */
  #points: P[] = [];
  #chords: number[] = [];
  /** What is farther than this is not wanted. */
  #limit = Number.POSITIVE_INFINITY;

  constructor(from: UnitVector, count: number) {
    [this.#x, this.#y, this.#z] = from;
    this.#count = count;
  }

  close(): readonly P[] {
    return this.#points.filter((_, i) => (this.#chords[i] ?? 0) <= this.#limit);
  }

  /** `bound` is the square of the distance to the cell, of which `dx`, `dy` and `dz` are the parts by axis. */
  visit(node: Node<P>, bound: number, dx: number, dy: number, dz: number): void {
    if (node instanceof Leaf) {
      this.#scan(node);
      return;
    }
    const { axis, middle, low, high } = node;
    const to = (axis === 0 ? this.#x : axis === 1 ? this.#y : this.#z) - middle;
    this.visit(to < 0 ? low : high, bound, dx, dy, dz);
    const was = axis === 0 ? dx : axis === 1 ? dy : dz;
    const beyond = bound - was * was + to * to;
    if (beyond > this.#limit) return;
    const far = to < 0 ? high : low;
    this.visit(far, beyond, axis === 0 ? to : dx, axis === 1 ? to : dy, axis === 2 ? to : dz);
  }

  #scan({ points, coordinates }: Leaf<P>): void {
    const { length } = points;
    for (let i = 0; i < length; i++) {
      const x = (coordinates[3 * i] ?? 0) - this.#x;
      const y = (coordinates[3 * i + 1] ?? 0) - this.#y;
      const z = (coordinates[3 * i + 2] ?? 0) - this.#z;
      const chord = x * x + y * y + z * z;
      if (chord > this.#limit) continue;
      const point = points[i];
      if (point) this.#keep(point, chord);
    }
  }

  #keep(point: P, chord: number): void {
    const [points, chords] = [this.#points, this.#chords];
    let place = chords.length;
    while (place > 0 && (chords[place - 1] ?? 0) > chord) place -= 1;
    points.splice(place, 0, point);
    chords.splice(place, 0, chord);
    const worst = chords[this.#count - 1];
    if (worst === undefined) return;
    this.#limit = worst + CHORD_TOLERANCE;
    while ((chords.at(-1) ?? 0) > this.#limit) {
      chords.pop();
      points.pop();
    }
  }
}
