import { EdgeplaneError, fail, messageOf } from '@edgeplane/base';
import { fieldIdOf, type ObjectType, SHOW_OPTIONS, type ShowOption } from '@edgeplane/objects';
import type { Metadata } from '@grpc/grpc-js';
import { controllerErrors } from '../errors.js';

/** What a Show call asks for. */
export interface ShowQuery<T> {
  /** A plain filter (controller spec section 8.4): all that is asked for matches it, not all that matches it is asked for. */
  readonly filter: T;
  /** Whether an object is asked for; undefined when all are. */
  readonly test: ((object: unknown) => boolean) | undefined;
  /** Key JSON; only what comes after it is asked for. */
  readonly after: string | undefined;
  /** At most so many; Infinity without a limit. */
  readonly limit: number;
}

/**
 * The query of a request and its metadata.
 * @throws EdgeplaneError SHOW_OPTION_INVALID, which names the metadata, its rule and the value
 */
export function showQuery<T, K>(type: ObjectType<T, K>, request: T, metadata: Metadata): ShowQuery<T> {
  const filter = type.normalize(request);
  const options = { zero: zeroOf(type, metadata), wildcards: wildcardsOf(metadata) };
  return {
    filter: options.wildcards ? type.fixedPart(filter) : filter,
    test: type.filterTest(filter, options),
    after: afterOf(type, metadata),
    limit: limitOf(metadata),
  };
}

function textOf(metadata: Metadata, option: ShowOption): string | undefined {
  const values = metadata.get(option.metadata).map(String);
  return values.length === 0 ? undefined : values.join(',');
}

function invalid(option: ShowOption, rule: string, value: string): EdgeplaneError {
  return fail(controllerErrors.SHOW_OPTION_INVALID, { name: option.metadata, rule, value });
}

function limitOf(metadata: Metadata): number {
  const text = textOf(metadata, SHOW_OPTIONS.limit);
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalid(SHOW_OPTIONS.limit, 'is a whole number from 1 up', text);
  return Number(text);
}

function afterOf<T, K>(type: ObjectType<T, K>, metadata: Metadata): string | undefined {
  const text = textOf(metadata, SHOW_OPTIONS.after);
  if (text === undefined) return undefined;
  try {
    return type.keyJson(type.parseKeyJson(text));
  } catch (error) {
    throw invalid(SHOW_OPTIONS.after, `is the key of ${type.name} as JSON: ${messageOf(error)}`, text);
  }
}

function zeroOf<T, K>(type: ObjectType<T, K>, metadata: Metadata) {
  const text = textOf(metadata, SHOW_OPTIONS.zero);
  if (text === undefined) return undefined;
  try {
    return type.mask(text.split(',').map((path) => fieldIdOf(type.schema, path.trim())));
  } catch (error) {
    if (!(error instanceof EdgeplaneError)) throw error;
    throw invalid(SHOW_OPTIONS.zero, `is a list of names or ids of fields: ${messageOf(error)}`, text);
  }
}

function wildcardsOf(metadata: Metadata): boolean {
  const text = textOf(metadata, SHOW_OPTIONS.wildcards);
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw invalid(SHOW_OPTIONS.wildcards, 'is true or false', text);
}
