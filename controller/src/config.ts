import { join } from 'node:path';
import { fail, kebab, type ParsedAreas, parseDebugAreas, parseFlags } from '@edgeplane/base';
import { limitsOf, type NotifyLimits } from '@edgeplane/notify';
import { parseAddress } from '@edgeplane/rpc';
import type { Timeouts } from './context.js';
import { controllerErrors } from './errors.js';
import { CONTROLLER_FLAGS } from './flags.js';
import { CAPACITY_MODES, type CapacityMode } from './refs/capacity.js';

/** Where the bus is; without URLs it is within the process. */
export interface NatsConfig {
  readonly urls: readonly string[];
  /** Credentials file; empty means none. */
  readonly creds: string;
  /** Certificate file; empty means none. */
  readonly tls: string;
}

/** Everything a controller needs to know before it starts. */
export interface ControllerConfig {
  /** As for openStore: `memory`, `lmdb:<dir>`, `etcd:<urls>`. */
  readonly store: string;
  readonly region: number;
  readonly apiAddr: string;
  /** Empty: the address in use. */
  readonly externalApiAddr: string;
  /** Of the REST gateway; empty: none. */
  readonly httpAddr: string;
  readonly httpEnums: 'proto' | 'camel';
  readonly notifyAddr: string;
  /** Highest version of the notify protocol to speak. */
  readonly notifyVersion: number;
  readonly notifyLimits: NotifyLimits;
  /** Peers must say in their certificates for whom they speak. */
  readonly notifyIdentityRequired: boolean;
  /** Of `/metrics` and `/healthz`; empty: none. */
  readonly metricsAddr: string;
  /** Certificate file; empty means plain text. */
  readonly tls: string;
  /** File; empty means that whoever can connect may do everything. */
  readonly accessPolicy: string;
  readonly nats: NatsConfig;
  /** After how long match engines get a new cookie key, milliseconds; 0: they get none. */
  readonly cookieKeyRotationMs: number;
  /** How long what a controller says about itself outlives it. */
  readonly leaseSeconds: number;
  readonly rootDomain: string;
  readonly imageRegistry: string;
  /** Whether Developers and Operators must exist for what names them. */
  readonly strictOwners: boolean;
  /** When the limits that agents report are enforced. */
  readonly enforceCapacity: CapacityMode;
  /** Whether URLs in Apps may lead to loopback and link-local addresses. */
  readonly allowLocalFetch: boolean;
  readonly timeouts: Timeouts;
  /** `host:port` of InfluxDB; empty: samples are written nowhere. */
  readonly influxAddr: string;
  readonly skipVersionCheck: boolean;
  readonly autoUpgrade: boolean;
  readonly forceUpgrade: boolean;
}

/** A cookie must live for a while beside the key after its own. */
const SHORTEST_ROTATION_MS = 3600_000;

/** Timeouts of `--short-timeouts`, milliseconds. */
export const SHORT_TIMEOUTS: Timeouts = { create: 3000, update: 2000, delete: 2000 };

/**
 * Reads the command line.
 * @throws EdgeplaneError naming the flag, the rule and the value
 */
export function parseConfig(
  argv: readonly string[],
  cwd: string,
): { readonly config: ControllerConfig; readonly debug: ParsedAreas } {
  const { values, given } = parseFlags(CONTROLLER_FLAGS, argv);
  if (values.localEtcd) throw fail(controllerErrors.LOCAL_ETCD_REFUSED);
  if (!Number.isSafeInteger(values.region) || values.region < 1) {
    throw invalid('--region', 'must be a whole number from 1 up', String(values.region));
  }
  if (!isDomain(values.rootDomain)) {
    throw invalid('--root-domain', 'must be a domain name', values.rootDomain);
  }
  for (const name of ['createTimeout', 'updateTimeout', 'deleteTimeout'] as const) {
    if (!(values[name] > 0)) throw invalid(`--${kebab(name)}`, 'must be more than 0', String(values[name]));
  }
  if (values.influxAddr !== '' && parseAddress(values.influxAddr).host === '') {
    throw invalid('--influx-addr', 'must be host:port', values.influxAddr);
  }
  if (values.metricsAddr !== '') parseAddress(values.metricsAddr);
  if (values.cookieKeyRotation !== 0 && values.cookieKeyRotation < SHORTEST_ROTATION_MS) {
    const value = `${values.cookieKeyRotation}ms`;
    throw invalid('--cookie-key-rotation', 'must be 0s or at least 1h', value);
  }
  if (values.leaseTtl < 1000) throw invalid('--lease-ttl', 'must be at least 1s', `${values.leaseTtl}ms`);
  if (values.accessPolicy !== '' && values.tls === '') throw fail(controllerErrors.ACCESS_POLICY_NEEDS_TLS);
  if (values.notifyIdentity === 'required' && values.tls === '')
    throw fail(controllerErrors.NOTIFY_IDENTITY_NEEDS_TLS);
  const config: ControllerConfig = {
    store: storeSpec(values.store, given.has('etcdUrls') ? values.etcdUrls : undefined, cwd),
    region: values.region,
    apiAddr: values.apiAddr,
    externalApiAddr: values.externalApiAddr,
    httpAddr: values.httpAddr,
    httpEnums: enumNames(values.httpEnums),
    notifyAddr: values.notifyAddr,
    notifyVersion: Number(values.notifyVersion),
    notifyLimits: limitsOf(values),
    notifyIdentityRequired: values.notifyIdentity === 'required',
    metricsAddr: values.metricsAddr,
    tls: values.tls,
    accessPolicy: values.accessPolicy,
    nats: { urls: natsUrls(values.natsUrls), creds: values.natsCreds, tls: values.natsTls },
    cookieKeyRotationMs: values.cookieKeyRotation,
    leaseSeconds: values.leaseTtl / 1000,
    rootDomain: values.rootDomain,
    imageRegistry: values.imageRegistry,
    strictOwners: values.strictOwners,
    enforceCapacity: capacityMode(values.enforceCapacity),
    allowLocalFetch: values.allowLocalFetch,
    timeouts: values.shortTimeouts
      ? SHORT_TIMEOUTS
      : { create: values.createTimeout, update: values.updateTimeout, delete: values.deleteTimeout },
    influxAddr: values.influxAddr,
    skipVersionCheck: values.skipVersionCheck,
    autoUpgrade: values.autoUpgrade,
    forceUpgrade: values.forceUpgrade,
  };
  return { config, debug: parseDebugAreas(values.d) };
}

function enumNames(value: string): 'proto' | 'camel' {
  if (value === 'proto' || value === 'camel') return value;
  throw invalid('--http-enums', 'must be proto or camel', value);
}

/** `--store` and `--etcd-urls` in one; naming both is fine when they agree. */
function storeSpec(store: string, etcdUrls: string | undefined, cwd: string): string {
  if (store === '') {
    return etcdUrls === undefined ? `lmdb:${join(cwd, '.edgeplane', 'controller')}` : `etcd:${etcdUrls}`;
  }
  if (etcdUrls !== undefined && store !== `etcd:${etcdUrls}`) {
    throw invalid('--store', 'must not be given together with --etcd-urls', store);
  }
  if (!/^(memory|lmdb:.+|etcd:.+)$/s.test(store)) {
    throw invalid('--store', 'must be memory, lmdb:<dir> or etcd:<url>[,<url>...]', store);
  }
  return store;
}

function capacityMode(text: string): CapacityMode {
  const mode = CAPACITY_MODES.find((m) => m === text);
  if (!mode) throw invalid('--enforce-capacity', `must be one of ${CAPACITY_MODES.join(', ')}`, text);
  return mode;
}

function natsUrls(text: string): string[] {
  if (text === '') return [];
  const urls = text.split(',').map((url) => url.trim());
  for (const url of urls) {
    if (!/^(nats|tls):\/\/[^\s,/@]+:\d{1,5}$/.test(url)) {
      throw invalid('--nats-urls', 'each must be nats://host:port or tls://host:port', hidden(url));
    }
  }
  return urls;
}

/** A URL may hold a password, which does not belong on the command line and less in an error. */
function hidden(url: string): string {
  return url.replace(/\/\/.*@/, '//[hidden]@');
}

function isDomain(text: string): boolean {
  return text.split('.').every((label) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/i.test(label));
}

function invalid(flag: string, rule: string, value: string) {
  return fail(controllerErrors.INVALID_SETTING, { flag, rule, value });
}
