import type { FlagSpec, FlagValues } from '@edgeplane/base';
import type { DoorName } from './door.js';
import { FLINTLOCK_FLAGS } from './flintlock/settings.js';

type Text = FlagSpec<'string'>;
type TextFlag = 'Cert' | 'Key' | 'ClientCa' | 'AllowedNames' | 'TokenFile';
type AccessFlags<D extends DoorName> = { readonly [K in `${D}${TextFlag}`]: Text } & {
  readonly [K in `${D}Insecure`]: FlagSpec<'boolean'>;
};

const text = (about: string, alias: readonly string[] = []): Text => ({
  ...{ type: 'string', default: '', about },
  ...(alias.length > 0 && { alias }),
});

/** The flags of one door that say who may call it. */
function accessFlags<D extends DoorName>(door: D): AccessFlags<D> {
  const flags: Record<string, FlagSpec> = {
    [`${door}Cert`]: text(`certificate file (PEM) of the ${door} API, read again when it changes`),
    [`${door}Key`]: text('file (PEM) with the key of that certificate'),
    [`${door}ClientCa`]: text(`CA certificate file (PEM): only clients with a certificate of it may call`),
    [`${door}AllowedNames`]: text(
      'client certificates that may call, comma-separated, each by a DNS name, URI or common name of it; every one of the CA when empty',
    ),
    [`${door}TokenFile`]: text(
      'file with a token on each line, one of which a caller must show; nobody else may read it',
    ),
    [`${door}Insecure`]: {
      type: 'boolean',
      default: 'false',
      about: `serve the ${door} API also without a way to tell callers apart, or with tokens in plain text`,
    },
  };
  return flags as unknown as AccessFlags<D>;
}

const LOOPBACK = 'loopback when it names no host, unix:/path for a socket of this user only';

/** The part of the agent's command line that opens doors. */
export const DOOR_FLAGS = {
  virtrigaudAddr: text(`address of VirtRigaud's provider API, ${LOOPBACK}; empty: off`),
  virtrigaudHealthAddr: text(
    'address of /healthz, /readyz and /health of that provider, in plain HTTP for probes; empty: none',
  ),
  virtrigaudTlsDir: text(
    'folder with tls.crt, tls.key and ca.crt, such as /etc/virtrigaud/tls, in place of the three flags',
  ),
  ...accessFlags('virtrigaud'),
  flintlockAddr: text(`address of flintlock's MicroVM API, ${LOOPBACK}; empty: off`),
  flintlock2021Addr: text('address of the same API as it was in 2021; empty: off', ['flintlock-2021-addr']),
  flintlockHttpAddr: text('address of the HTTP gateway to the MicroVM API; empty: none'),
  ...accessFlags('flintlock'),
  ...FLINTLOCK_FLAGS,
  operationsAddr: text(`address of IsardVDI's operations API, ${LOOPBACK}; empty: off`),
  operationsInventory: text(
    'file (JSON or YAML) with the hypervisors, storage pools and backup targets of the operations API (docs/southbound.md)',
  ),
  operationsStrictStatus: {
    type: 'boolean',
    default: 'false',
    about:
      'operations API: refuse unknown ids and bad sizes with a gRPC status, where else the stream says FAILED',
  },
  ...accessFlags('operations'),
  auraeAddr: text(`address of Aurae's pod API, ${LOOPBACK}; empty: off`),
  auraeDefaultImage: text(
    'image of the container that a pod of calls that name none gets when it is started without any; empty: none',
  ),
  auraeImplicitPods: {
    type: 'boolean',
    default: 'true',
    about: 'calls of the aurae API that name no pod act on one that belongs to their caller',
  },
  ...accessFlags('aurae'),
} as const;

export type DoorFlagValues = FlagValues<typeof DOOR_FLAGS>;
