import { runProgram } from '@edgeplane/base';
import { parseConfig } from './config.js';
import { createDme } from './dme.js';
import { DME_FLAGS } from './flags.js';

await runProgram(
  {
    name: 'dme',
    about: 'match engine: tells clients which instance is nearest to them',
    version: '0.1.0',
    flags: DME_FLAGS,
    create(argv) {
      const service = createDme(parseConfig(argv, process.env));
      return { service, logger: service.logger };
    },
  },
  process.argv.slice(2),
);
