import { hostname } from 'node:os';
import { fail, type ParsedAreas, parseDebugAreas, parseFlags } from '@edgeplane/base';
import { type IdentityRule, limitsOf, type NotifyLimits } from '@edgeplane/notify';
import { parseAddress } from '@edgeplane/rpc';
import { relayErrors } from './errors.js';
import { RELAY_FLAGS } from './flags.js';

/** Settings of a relay. */
export interface RelayConfig {
  readonly notifyAddrs: readonly string[];
  readonly notifyListen: string;
  readonly name: string;
  /** Of `/metrics` and `/healthz`; empty: none. */
  readonly metricsAddr: string;
  /** Certificate file; undefined for plaintext. */
  readonly tls: string | undefined;
  /** How to go by the certificates of peers below. */
  readonly identity: IdentityRule;
  readonly limits: NotifyLimits;
  readonly debug: ParsedAreas;
}

/** Reads the command line. @throws EdgeplaneError INVALID_ARGUMENT naming the flag and the rule. */
export function parseConfig(argv: readonly string[]): RelayConfig {
  const { values } = parseFlags(RELAY_FLAGS, argv);
  const notifyAddrs = values.notifyAddrs
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  if (notifyAddrs.length === 0) throw fail(relayErrors.NOTIFY_ADDRS_MISSING);
  for (const address of [...notifyAddrs, values.notifyListen]) parseAddress(address);
  if (values.metricsAddr !== '') parseAddress(values.metricsAddr);
  if (values.notifyIdentity === 'required' && values.tls === '')
    throw fail(relayErrors.NOTIFY_IDENTITY_NEEDS_TLS);
  return {
    notifyAddrs,
    notifyListen: values.notifyListen,
    name: values.name || hostname() || 'nohostname',
    metricsAddr: values.metricsAddr,
    tls: values.tls === '' ? undefined : values.tls,
    identity: { region: values.region, required: values.notifyIdentity === 'required' },
    limits: limitsOf(values),
    debug: parseDebugAreas(values.d),
  };
}
