import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { localKindOf } from '@edgeplane/base';

/** Says what an address is that must not be fetched from; undefined for the others. */
export type AddressPolicy = (address: string) => string | undefined;

/** Refuses local addresses. */
export const refuseLocal: AddressPolicy = localKindOf;

/** Refuses none. */
export const allowLocal: AddressPolicy = () => undefined;

/** @throws Error when `address`, which is that of `host`, must not be fetched from */
export function checkAddress(policy: AddressPolicy, host: string, address: string): void {
  const kind = policy(address);
  if (kind === undefined) return;
  const what = host === address ? host : `${host} at ${address}`;
  throw new Error(`${what} is local (${kind}) and fetched from only with --allow-local-fetch`);
}

/**
 * Resolves host names to addresses that a policy allows. It is the lookup of the connection itself, so that what was
 * checked is what is connected to, whatever the name server says next.
 */
export function guardedLookup(
  policy: AddressPolicy,
  lookup: LookupFunction = systemLookup as LookupFunction,
): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      const all = found as LookupAddress[];
      const [first, ...others] = all.filter(({ address }) => policy(address) === undefined);
      if (!first) return callback(refusal(policy, host, all), '', 0);
      if (options.all) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    });
  };
}

function refusal(policy: AddressPolicy, host: string, [found]: readonly LookupAddress[]): Error {
  try {
    if (found) checkAddress(policy, host, found.address);
  } catch (error) {
    return error as Error;
  }
  return new Error(`${host} has no address`);
}
