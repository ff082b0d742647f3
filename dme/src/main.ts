import { runProgram } from '@edgeplane/base';
import { parseConfig } from './config.js';
import { createDme } from './dme.js';
import { DME_FLAGS } from './flags.js';
import { createPrimary } from './workers/primary.js';

await runProgram(
  {
    name: 'dme',
    about: 'match engine: tells clients which instance is nearest to them',
    version: '0.1.0',
    flags: DME_FLAGS,
    create(argv) {
      const config = parseConfig(argv, process.env);
      const service = config.workers > 1 ? createPrimary(config, argv) : createDme(config);
      return { service, logger: service.logger };
    },
  },
  process.argv.slice(2),
);
