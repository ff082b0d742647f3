import { debugLogger, runProgram } from '@edgeplane/base';
import { createController } from './app.js';
import { parseConfig } from './config.js';
import { CONTROLLER_FLAGS } from './flags.js';
import { startLean } from './lean-start.js';

await runProgram(
  {
    name: 'controller',
    about: 'stores what is wanted, serves the API, and keeps agents and match engines up to date',
    version: '0.1.0',
    flags: CONTROLLER_FLAGS,
    create(argv) {
      const { config, debug } = parseConfig(argv, process.cwd());
      const { logger, areas } = debugLogger('controller', debug);
      return { service: startLean(createController(config, { logger, debug: areas })), logger };
    },
  },
  process.argv.slice(2),
);
