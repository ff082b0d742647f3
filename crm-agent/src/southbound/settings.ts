import { resolve } from 'node:path';
import { parseAddress, unixPath } from '@edgeplane/rpc';
import { settingInvalid } from '../errors.js';
import { DOOR_NAMES, type DoorName } from './door.js';
import type { DoorFlagValues } from './flags.js';

/** Who may call a door, and how it shows who it is itself. Paths are absolute; what is not given is empty. */
export interface AccessSettings {
  readonly cert: string;
  readonly key: string;
  /** CA whose clients may call; with it a client certificate is demanded. */
  readonly clientCa: string;
  /** Names of client certificates, one of which must be a DNS name, URI or common name of it; any when empty. */
  readonly allowedNames: readonly string[];
  /** File with one token per line, each of which is accepted. */
  readonly tokenFile: string;
  /** Folder of `tls.crt`, `tls.key` and `ca.crt` in place of the three files. */
  readonly tlsDir: string;
  /** Serve also when callers cannot be told apart. */
  readonly insecure: boolean;
}

export interface DoorListener {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly dialect?: string;
}

/** A door that is to be opened. */
export interface DoorSettings {
  readonly name: DoorName;
  /** At least one. */
  readonly listeners: readonly DoorListener[];
  /** Of its gateway from HTTP; empty: none. */
  readonly httpAddr: string;
  /** Of plain HTTP for probes, which asks nobody who he is; empty: none. */
  readonly healthAddr: string;
  readonly access: AccessSettings;
}

/** What the settings are read from. */
export interface DoorEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Paths are relative to it. */
  readonly cwd: string;
}

/**
 * The doors that flags open, in the order of {@link DOOR_NAMES}. The variables `VIRTRIGAUD_PROVIDER_INSECURE` and
 * `VIRTRIGAUD_PROVIDER_ALLOWED_SANS` stand for flags that are not given (VirtRigaud spec section 2).
 * @throws INVALID_SETTING, ADDRESS_INVALID
 */
export function doorSettings(values: DoorFlagValues, environment: DoorEnvironment): DoorSettings[] {
  const addresses: Readonly<Record<DoorName, readonly DoorListener[]>> = {
    virtrigaud: [{ address: values.virtrigaudAddr }],
    flintlock: [
      { address: values.flintlockAddr, dialect: 'current' },
      { address: values.flintlock2021Addr, dialect: '2021' },
    ],
    operations: [{ address: values.operationsAddr }],
    aurae: [{ address: values.auraeAddr }],
  };
  return DOOR_NAMES.flatMap((name) => {
    const listeners = addresses[name]
      .filter(({ address }) => address !== '')
      .map((listener) => ({ ...listener, address: onLoopback(listener.address) }));
    const httpAddr = name === 'flintlock' ? onLoopback(values.flintlockHttpAddr) : '';
    const healthAddr = name === 'virtrigaud' ? onLoopback(values.virtrigaudHealthAddr) : '';
    if (listeners.length === 0) {
      const flag = httpAddr ? '--flintlock-http-addr' : healthAddr ? '--virtrigaud-health-addr' : '';
      if (flag) throw settingInvalid(flag, `needs --${name}-addr`, httpAddr || healthAddr);
      return [];
    }
    return [{ name, listeners, httpAddr, healthAddr, access: accessSettings(name, values, environment) }];
  });
}

/** An address without a host is one of this machine only. @throws ADDRESS_INVALID */
function onLoopback(address: string): string {
  if (address === '' || unixPath(address)?.startsWith('/')) return address;
  return parseAddress(address).host === '' ? `127.0.0.1${address.trim()}` : address.trim();
}

function accessSettings(
  door: DoorName,
  values: DoorFlagValues,
  { variables, cwd }: DoorEnvironment,
): AccessSettings {
  const path = (value: string) => value && resolve(cwd, value);
  const variable = (name: string) => (door === 'virtrigaud' ? (variables[name] ?? '') : '');
  const access: AccessSettings = {
    cert: path(values[`${door}Cert`]),
    key: path(values[`${door}Key`]),
    clientCa: path(values[`${door}ClientCa`]),
    allowedNames: (values[`${door}AllowedNames`] || variable('VIRTRIGAUD_PROVIDER_ALLOWED_SANS'))
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
    tokenFile: path(values[`${door}TokenFile`]),
    tlsDir: door === 'virtrigaud' ? path(values.virtrigaudTlsDir) : '',
    insecure: values[`${door}Insecure`] || variable('VIRTRIGAUD_PROVIDER_INSECURE') === 'true',
  };
  const { cert, key, clientCa, tlsDir } = access;
  if ((cert === '') !== (key === ''))
    throw settingInvalid(`--${door}-cert and --${door}-key`, 'must be given together', cert || key);
  if (tlsDir !== '' && (cert !== '' || clientCa !== ''))
    throw settingInvalid(`--${door}-tls-dir`, 'must be given without other files of TLS', tlsDir);
  if (clientCa !== '' && cert === '')
    throw settingInvalid(`--${door}-client-ca`, `needs --${door}-cert and --${door}-key`, clientCa);
  if (access.allowedNames.length > 0 && clientCa === '' && tlsDir === '')
    throw settingInvalid(
      `--${door}-allowed-names`,
      `needs --${door}-client-ca`,
      access.allowedNames.join(','),
    );
  return access;
}
