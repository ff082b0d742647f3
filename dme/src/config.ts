import { hostname } from 'node:os';
import { fail, type ParsedAreas, parseDebugAreas, parseFlags } from '@edgeplane/base';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { type ConnectionLimits, parseAddress } from '@edgeplane/rpc';
import { parseCloudletKey } from './cloudlet-key.js';
import { dmeErrors } from './errors.js';
import { DME_FLAGS, KEY_SOURCES } from './flags.js';
import type { VaultAddress } from './keys/vault.js';
import type { LocationApiAddress } from './location/location-api.js';
import type { Rate } from './protect/buckets.js';
import type { GateLimits } from './protect/gate.js';
import type { OfferRule } from './usable.js';

const MOST_WORKERS = 256;

/** Settings of a match engine. */
export interface DmeConfig {
  readonly notifyAddrs: readonly string[];
  /** Highest version of the notify protocol to speak. */
  readonly notifyVersion: number;
  readonly apiAddr: string;
  /** Of the REST API; empty: none. */
  readonly httpAddr: string;
  readonly httpEnums: 'proto' | 'camel';
  /** Of `/metrics` and `/healthz`; empty: none. */
  readonly metricsAddr: string;
  /** Another address of the gRPC API; empty: none. */
  readonly dlgAddr: string;
  /** Over which groups are shared; no URLs: not at all. */
  readonly nats: { readonly urls: readonly string[]; readonly creds: string; readonly tls: string };
  /** Certificate file; undefined for plaintext. */
  readonly tls: string | undefined;
  /** There is no controller. */
  readonly standalone: boolean;
  readonly cloudletKey: CloudletKey;
  /** Name of this match engine among those of its cloudlet. */
  readonly scaleId: string;
  /** Processes that serve clients. */
  readonly workers: number;
  /** Where tables are kept; empty: nowhere. */
  readonly stateDir: string;
  /** Which instances clients are sent to. */
  readonly offer: OfferRule;
  readonly tokenServerUrl: string;
  readonly cookieExpirationMs: number;
  /** How often statistics are sent, milliseconds; 0: never. */
  readonly statsIntervalMs: number;
  /** How long to wait for a controller before clients are served, milliseconds. */
  readonly syncWaitMs: number;
  readonly gate: GateLimits;
  readonly connections: Pick<ConnectionLimits, 'max' | 'maxPerAddress' | 'maxStreams'>;
  /** `kept`: in the key file, by another process of this match engine. */
  readonly cookieKeys: (typeof KEY_SOURCES)[number] | 'kept';
  readonly cookieKeyFile: string;
  readonly vault: VaultAddress;
  /** The location API; undefined when distances verify positions. */
  readonly locationApi: LocationApiAddress | undefined;
  readonly debug: ParsedAreas;
}

/** Where a match engine without a controller is, unless told (match engine spec section 1.4). */
const STANDALONE_CLOUDLET: CloudletKey = { operatorKey: { name: 'UFGT Inc.' }, name: 'San Jose Site' };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the command line, and secrets from the environment. @throws EdgeplaneError INVALID_ARGUMENT naming the flag and the rule. */
export function parseConfig(argv: readonly string[], env: Environment = {}): DmeConfig {
  const { values } = parseFlags(DME_FLAGS, argv);
  if (values.cookieExpiration < 1000)
    throw fail(dmeErrors.COOKIE_EXPIRATION_INVALID, { ms: values.cookieExpiration });
  const notifyAddrs = values.notifyAddrs
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  if (notifyAddrs.length === 0 && !values.standalone) throw fail(dmeErrors.NOTIFY_ADDRS_MISSING);
  for (const address of [...notifyAddrs, values.apiAddr]) parseAddress(address);
  for (const address of [values.httpAddr, values.dlgAddr, values.metricsAddr])
    if (address !== '') parseAddress(address);
  const vault = {
    url: values.vaultAddr,
    roleId: env['VAULT_ROLE_ID'] ?? '',
    secretId: env['VAULT_SECRET_ID'] ?? '',
  };
  if (values.cookieKeys === 'controller' && values.standalone)
    throw fail(dmeErrors.CONTROLLER_KEYS_STANDALONE);
  if (values.cookieKeys === 'controller' && values.tls === '') throw fail(dmeErrors.CONTROLLER_KEYS_NEED_TLS);
  // What stands before an @ could be a password, and the address is logged.
  if (!/^https?:\/\/[^\s@]+$/.test(vault.url))
    throw fail(dmeErrors.VAULT_ADDR_INVALID, { url: vault.url.replace(/\/\/.*@/, '//***@') });
  return {
    notifyAddrs,
    notifyVersion: Number(values.notifyVersion),
    apiAddr: values.apiAddr,
    httpAddr: values.httpAddr,
    dlgAddr: values.dlgAddr,
    nats: { urls: natsUrls(values.natsUrls), creds: values.natsCreds, tls: values.natsTls },
    httpEnums: values.httpEnums === 'camel' ? 'camel' : 'proto',
    metricsAddr: values.metricsAddr,
    tls: values.tls === '' ? undefined : values.tls,
    standalone: values.standalone,
    cloudletKey:
      values.standalone && values.cloudletKey === ''
        ? STANDALONE_CLOUDLET
        : parseCloudletKey(values.cloudletKey),
    workers: workersOf(values.workers, values.standalone),
    stateDir: values.stateDir,
    offer: values.offer as OfferRule,
    scaleId: values.scaleID || hostname() || 'nohostname',
    tokenServerUrl: values.toksrvurl,
    cookieExpirationMs: values.cookieExpiration,
    statsIntervalMs: notNegative('--stats-interval', values.statsInterval) * 1000,
    syncWaitMs: notNegative('--sync-wait', values.syncWait),
    gate: {
      peerRate: rateOf('--peer-rate', values.peerRate, 10),
      rate: rateOf('--rate', values.rate, 1),
      badRate: rateOf('--bad-rate', values.badRate, 4),
      shedLagMs: notNegative('--shed-lag', values.shedLag),
    },
    connections: {
      max: atLeastOne('--max-connections', values.maxConnections),
      maxPerAddress: atLeastOne('--max-connections-per-peer', values.maxConnectionsPerPeer),
      maxStreams: atLeastOne('--max-streams', values.maxStreams),
    },
    cookieKeys: KEY_SOURCES.find((name) => name === values.cookieKeys) ?? (vault.roleId ? 'vault' : 'file'),
    cookieKeyFile: values.cookieKeyFile,
    vault,
    locationApi:
      values.carrier === 'GDDT' || values.carrier === 'gddt'
        ? {
            url: values.locverurl,
            user: env['LOCAPI_USER'] ?? '',
            password: env['LOCAPI_PASSWD'] ?? '',
            tokenServerUrl: values.toksrvurl,
          }
        : undefined,
    debug: parseDebugAreas(values.d),
  };
}

function natsUrls(text: string): string[] {
  if (text === '') return [];
  const urls = text.split(',').map((url) => url.trim());
  for (const url of urls) {
    // What stands before an @ could be a password.
    if (!/^(nats|tls):\/\/[^\s,/@]+:\d{1,5}$/.test(url))
      throw fail(dmeErrors.NATS_URL_INVALID, { url: url.replace(/\/\/.*@/, '//***@') });
  }
  return urls;
}

/** `seconds` of a rate may come at once. */
function rateOf(flag: string, perSecond: number, seconds: number): Rate | undefined {
  return notNegative(flag, perSecond) === 0
    ? undefined
    : { perSecond, burst: Math.max(1, perSecond * seconds) };
}

function notNegative(flag: string, value: number): number {
  if (value < 0) throw fail(dmeErrors.FLAG_TOO_SMALL, { flag, least: 0, value });
  return value;
}

function atLeastOne(flag: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1)
    throw fail(dmeErrors.FLAG_TOO_SMALL, { flag, least: 1, value });
  return value;
}

function workersOf(count: number, standalone: boolean): number {
  if (!Number.isInteger(count) || count < 1 || count > MOST_WORKERS)
    throw fail(dmeErrors.WORKERS_INVALID, { count, most: MOST_WORKERS });
  if (standalone && count > 1) throw fail(dmeErrors.WORKERS_STANDALONE, { count });
  return count;
}
