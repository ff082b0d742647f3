import { type FlagSpec, type FlagValues, parseFlags } from '@edgeplane/base';

export const QUICKSTART_FLAGS = {
  once: { type: 'boolean', default: 'false', about: 'stop after the client has fetched its pages' },
  fake: { type: 'boolean', default: 'false', about: 'simulate all instances; needs no Debian packages' },
  stateDir: { type: 'string', default: '.edgeplane/quickstart', about: 'where everything is kept' },
  ports: {
    type: 'string',
    default: 'well-known',
    choices: ['well-known', 'free'],
    about: 'listen on the well-known ports, or on free ones',
  },
  publicNet: {
    type: 'string',
    default: '127.0.1',
    about: 'first three numbers of the loopback addresses that stand for the public addresses of the sites',
  },
} as const satisfies Record<string, FlagSpec>;

export type Settings = FlagValues<typeof QUICKSTART_FLAGS>;

export function parseSettings(argv: readonly string[]): Settings {
  return parseFlags(QUICKSTART_FLAGS, argv).values;
}
