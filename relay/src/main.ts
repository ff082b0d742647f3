import { runProgram } from '@edgeplane/base';
import { parseConfig } from './config.js';
import { RELAY_FLAGS } from './flags.js';
import { createRelay } from './relay.js';

await runProgram(
  {
    name: 'edgeplane-relay',
    about: 'notify relay: stands between controllers and many agents',
    version: '0.1.0',
    flags: RELAY_FLAGS,
    create(argv) {
      const service = createRelay(parseConfig(argv));
      return { service, logger: service.logger };
    },
  },
  process.argv.slice(2),
);
