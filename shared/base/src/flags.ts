import { parseDuration } from './duration.js';
import { defineErrors, type EdgeplaneError, fail } from './errors.js';

/** Command-line faults; a program that meets one prints the text and exits with status 2. */
export const flagErrors = defineErrors({
  UNKNOWN_FLAG: ['INVALID_ARGUMENT', 'unknown flag {flag}{hint}'],
  FLAG_NEEDS_VALUE: ['INVALID_ARGUMENT', 'flag {flag} needs a value'],
  FLAG_BAD_VALUE: ['INVALID_ARGUMENT', 'flag {flag}: {rule}, but got "{value}"'],
  UNEXPECTED_ARGUMENT: ['INVALID_ARGUMENT', 'unexpected argument "{value}"'],
});

export type FlagType = 'string' | 'boolean' | 'number' | 'duration';

export interface FlagSpec<T extends FlagType = FlagType> {
  readonly type: T;
  /** Value when the flag is absent, written as on the command line. */
  readonly default: string;
  readonly about: string;
  /** Other spellings, without dashes. The property name and its kebab-case form always work. */
  readonly alias?: readonly string[];
  /** Accepted for compatibility and ignored; left out of the help. */
  readonly ignored?: boolean;
  /** The only values allowed. */
  readonly choices?: readonly string[];
}

type ValueOf<T extends FlagType> = T extends 'boolean'
  ? boolean
  : T extends 'number' | 'duration'
    ? number
    : string;
export type FlagValues<S extends Readonly<Record<string, FlagSpec>>> = {
  readonly [K in keyof S]: ValueOf<S[K]['type']>;
};

export interface ParsedFlags<S extends Readonly<Record<string, FlagSpec>>> {
  readonly values: FlagValues<S>;
  /** Property names of the flags that were on the command line. */
  readonly given: ReadonlySet<keyof S & string>;
  readonly rest: readonly string[];
}

/** `notifyAddrs` -> `notify-addrs`. */
export function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

/**
 * Parses Go-style flags: one or two dashes, `-x v`, `-x=v`; a boolean takes a value only after `=`.
 * Parsing ends at `--`. A `duration` is returned in milliseconds.
 * @throws EdgeplaneError of {@link flagErrors} naming the flag, the rule and the value.
 */
export function parseFlags<S extends Readonly<Record<string, FlagSpec>>>(
  specs: S,
  argv: readonly string[],
  options: { allowRest?: boolean } = {},
): ParsedFlags<S> {
  const byName = new Map<string, string>();
  for (const [key, spec] of Object.entries(specs)) {
    for (const name of [key, kebab(key), ...(spec.alias ?? [])]) byName.set(name, key);
  }
  const raw = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? '';
    if (arg === '--') {
      rest.push(...argv.slice(i + 1));
      break;
    }
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(arg);
    if (!match) {
      rest.push(arg);
      continue;
    }
    const key = byName.get(match[1] ?? '');
    const spec = key === undefined ? undefined : specs[key];
    if (key === undefined || !spec) throw unknownFlag(arg.split('=')[0] ?? arg, [...byName.keys()]);
    if (match[2] !== undefined) raw.set(key, match[2]);
    else if (spec.type === 'boolean') raw.set(key, 'true');
    else {
      const value = argv[++i];
      if (value === undefined) throw fail(flagErrors.FLAG_NEEDS_VALUE, { flag: arg });
      raw.set(key, value);
    }
  }
  if (rest.length > 0 && !options.allowRest)
    throw fail(flagErrors.UNEXPECTED_ARGUMENT, { value: rest[0] ?? '' });
  const values = Object.fromEntries(
    Object.entries(specs).map(([key, spec]) => [key, convert(key, spec, raw.get(key) ?? spec.default)]),
  ) as FlagValues<S>;
  return { values, given: new Set(raw.keys()) as ReadonlySet<keyof S & string>, rest };
}

function convert(key: string, spec: FlagSpec, value: string): string | number | boolean {
  const bad = (rule: string) => fail(flagErrors.FLAG_BAD_VALUE, { flag: `--${kebab(key)}`, rule, value });
  if (spec.choices && !spec.choices.includes(value)) throw bad(`must be one of ${spec.choices.join(', ')}`);
  switch (spec.type) {
    case 'boolean':
      if (/^(1|t|true)$/i.test(value)) return true;
      if (/^(0|f|false)$/i.test(value)) return false;
      throw bad('must be true or false');
    case 'number': {
      const number = Number(value);
      if (value.trim() === '' || !Number.isFinite(number)) throw bad('must be a number');
      return number;
    }
    case 'duration':
      try {
        return parseDuration(value);
      } catch {
        throw bad('must be a duration such as 1h30m, 45s or 250ms');
      }
    default:
      return value;
  }
}

function unknownFlag(flag: string, names: readonly string[]): EdgeplaneError {
  const bare = flag.replace(/^-+/, '');
  const near = names.find(
    (n) => n.toLowerCase() === bare.toLowerCase() || (bare.length > 3 && n.startsWith(bare)),
  );
  return fail(flagErrors.UNKNOWN_FLAG, { flag, hint: near ? `; did you mean --${near}?` : '; see --help' });
}

/** The `--help` text of a program. */
export function helpText(program: string, about: string, specs: Readonly<Record<string, FlagSpec>>): string {
  const rows = Object.entries(specs)
    .filter(([, spec]) => !spec.ignored)
    .map(([key, spec]) => {
      const names = [...new Set([kebab(key), key, ...(spec.alias ?? [])])].map((n) => `--${n}`).join(', ');
      const extra = spec.default === '' ? '' : ` (default ${spec.default})`;
      return `  ${names}${spec.type === 'boolean' ? '' : ` <${spec.type}>`}\n      ${spec.about}${extra}`;
    });
  return `${program}: ${about}\n\nFlags (one or two dashes):\n${rows.join('\n')}\n  --help\n      print this text\n  --version\n      print the version\n`;
}
