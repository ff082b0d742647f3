import type { Logger } from 'pino';

/** Areas whose debug lines can be switched on their own (controller spec section 18.5), in order of their numbers. */
export const DEBUG_AREAS = [
  'etcd',
  'api',
  'notify',
  'dmedb',
  'dmereq',
  'locapi',
  'mexos',
  'metrics',
  'upgrade',
] as const;
export type DebugArea = (typeof DEBUG_AREAS)[number];

/** Which areas' debug lines are written; may change at any time. */
export class DebugAreas {
  readonly #enabled = new Set<DebugArea>();

  enable(areas: Iterable<DebugArea>): void {
    for (const area of areas) this.#enabled.add(area);
  }

  disable(areas: Iterable<DebugArea>): void {
    for (const area of areas) this.#enabled.delete(area);
  }

  has(area: DebugArea): boolean {
    return this.#enabled.has(area);
  }

  /** In order of their numbers. */
  enabled(): readonly DebugArea[] {
    return DEBUG_AREAS.filter((area) => this.#enabled.has(area));
  }
}

/** The value of `-d`: areas, and names that are none. */
export interface ParsedAreas {
  readonly areas: readonly DebugArea[];
  readonly unknown: readonly string[];
}

/** Reads the value of `-d`, names separated by commas. */
export function parseDebugAreas(text: string): ParsedAreas {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const isArea = (name: string): name is DebugArea => (DEBUG_AREAS as readonly string[]).includes(name);
  return { areas: names.filter(isArea), unknown: names.filter((name) => !isArea(name)) };
}

const AREA = Symbol('debug area');

/** A logger whose debug lines, and those of its children, are of an area. */
export function inArea(logger: Logger, area: DebugArea): Logger {
  // Children of a pino logger are made with it as their prototype.
  return Object.assign(logger.child({ area }), { [AREA]: area });
}

/** The area that a logger is in. */
export function areaOf(logger: object): DebugArea | undefined {
  return (logger as { readonly [AREA]?: DebugArea })[AREA];
}

const AREAS = Symbol('debug areas');

/** A logger that writes debug lines of these areas only; its children do as well. */
export function withAreas(logger: Logger, areas: DebugAreas): Logger {
  return Object.assign(logger, { [AREAS]: areas });
}

/** Whether a debug line of this logger would be written: for lines that cost more to make than to leave out. */
export function isDebugging(logger: Logger): boolean {
  if (!logger.isLevelEnabled('debug')) return false;
  const areas = (logger as { readonly [AREAS]?: DebugAreas })[AREAS];
  if (!areas) return true;
  const area = areaOf(logger);
  return area !== undefined && areas.has(area);
}
