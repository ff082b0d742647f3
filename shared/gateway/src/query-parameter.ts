import { fail } from '@edgeplane/base';
import type { MethodSchema } from '@edgeplane/objects';
import type { Metadata } from '@grpc/grpc-js';
import { gatewayErrors } from './errors.js';
import type { Route } from './routes.js';

/** A query parameter of some routes that is handed to the API as metadata of the call. */
export interface QueryParameter {
  readonly name: string;
  /** Name of the metadata. */
  readonly metadata: string;
  readonly description: string;
  readonly type: 'string' | 'integer' | 'boolean';
  /** Whether a method has it. */
  readonly of: (method: MethodSchema) => boolean;
}

/** Those that a route has. */
export function parametersOf(
  { method }: Route,
  parameters: readonly QueryParameter[],
): readonly QueryParameter[] {
  return parameters.filter(({ of }) => of(method));
}

/**
 * Puts the parameters of a query into the metadata of a call.
 * @throws EdgeplaneError BAD_PARAMETER for what metadata cannot carry
 */
export function addParameters(
  metadata: Metadata,
  parameters: readonly QueryParameter[],
  query: Readonly<Record<string, unknown>>,
): void {
  for (const { name, metadata: key } of parameters) {
    const given = query[name];
    if (given === undefined) continue;
    const value = [given].flat().map(String).join(',');
    if (!/^[\x20-\x7e]*$/.test(value)) throw fail(gatewayErrors.BAD_PARAMETER, { name, value });
    metadata.set(key, value);
  }
}
