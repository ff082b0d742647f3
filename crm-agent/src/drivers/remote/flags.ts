import { resolve } from 'node:path';
import { type FlagSpec, type FlagValues, fail, kebab } from '@edgeplane/base';
import { parseAddress } from '@edgeplane/rpc';
import type { RemoteMicrovmSettings } from '../remote-microvm/index.js';
import type { RemoteProviderSettings } from '../remote-provider/index.js';
import { parseCapacity } from './capacity.js';
import { remoteErrors } from './errors.js';

const text = (about: string): FlagSpec<'string'> => ({ type: 'string', default: '', about });

/** The part of the agent's command line that says where somebody else's machines are. */
export const REMOTE_FLAGS = {
  remoteProviderAddr: text('remote-provider driver: address of a VirtRigaud provider, host:port'),
  remoteProviderCa: text('file (PEM) with the CA certificate of that provider'),
  remoteProviderCert: text('certificate file (PEM) to show to it; none when empty'),
  remoteProviderKey: text('file (PEM) with the key of that certificate'),
  remoteProviderServerName: text('name in its certificate; the host of the address when empty'),
  remoteProviderTokenFile: text('file with the token to show to it, read at each call; none when empty'),
  remoteProviderInsecure: {
    type: 'boolean',
    default: 'false',
    about: 'speak to it in plain text, when no CA is named',
  },
  remoteProviderNetwork: text('name of the network of its machines; whatever it takes by itself when empty'),
  remoteProviderBridge: text('bridge of its hosts for its machines; none when empty'),
  remoteProviderNodeImage: text(
    'image of cluster nodes, as the image path of an App names one; clusters have no nodes when empty',
  ),
  remoteMicrovmHosts: text(
    'remote-microvm driver: file (YAML) with the flintlock hosts and what machines boot (docs/southbound.md)',
  ),
  remoteCapacity: text(
    'remote drivers: what there is, as vcores=<number>,ram=<MB>,disk=<GB>, which the controller keeps to; unknown when empty',
  ),
} as const;

type Values = FlagValues<typeof REMOTE_FLAGS>;

/** @throws SETTING naming the flag */
export function remoteProviderSettings(values: Values, cwd: string): RemoteProviderSettings {
  const path = (name: string) => name && resolve(cwd, name);
  const refuse = (flag: keyof Values, rule: string) => {
    const value = String(values[flag]);
    throw fail(remoteErrors.SETTING, { field: `--${kebab(flag)}`, rule, value });
  };
  if (values.remoteProviderAddr === '') refuse('remoteProviderAddr', 'must name the provider');
  parseAddress(values.remoteProviderAddr);
  if ((values.remoteProviderCert === '') !== (values.remoteProviderKey === ''))
    refuse('remoteProviderKey', 'must be given with --remote-provider-cert, and only then');
  if (values.remoteProviderCa === '' && !values.remoteProviderInsecure)
    refuse('remoteProviderCa', 'must be given, or --remote-provider-insecure');
  return {
    endpoint: {
      address: values.remoteProviderAddr,
      ca: path(values.remoteProviderCa),
      cert: path(values.remoteProviderCert),
      key: path(values.remoteProviderKey),
      serverName: values.remoteProviderServerName,
      tokenFile: path(values.remoteProviderTokenFile),
      insecure: values.remoteProviderInsecure,
    },
    network: values.remoteProviderNetwork,
    bridge: values.remoteProviderBridge,
    nodeImage: values.remoteProviderNodeImage,
    capacity: parseCapacity(values.remoteCapacity, '--remote-capacity'),
  };
}

/** @throws SETTING naming the flag */
export function remoteMicrovmSettings(values: Values, cwd: string): RemoteMicrovmSettings {
  const { remoteMicrovmHosts: value } = values;
  if (value === '')
    throw fail(remoteErrors.SETTING, { field: '--remote-microvm-hosts', rule: 'must name a file', value });
  const capacity = parseCapacity(values.remoteCapacity, '--remote-capacity');
  return { hostsFile: resolve(cwd, value), capacity };
}
