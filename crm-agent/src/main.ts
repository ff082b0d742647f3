import { debugLogger, runProgram } from '@edgeplane/base';
import { createAgent } from './agent.js';
import { parseConfig } from './config.js';
import { AGENT_FLAGS } from './flags.js';

await runProgram(
  {
    name: 'crm-agent',
    about: 'does the work of one cloudlet: makes and removes instances as the controller wants, and reports',
    version: '0.1.0',
    flags: AGENT_FLAGS,
    create(argv) {
      const { config, debug, plugin } = parseConfig(argv, { variables: process.env, cwd: process.cwd() });
      const { logger, areas } = debugLogger('crm-agent', debug);
      if (plugin !== '') logger.info({ plugin }, 'Plugins are not used: drivers are built in');
      return { service: createAgent(config, { logger, debug: areas }), logger };
    },
  },
  process.argv.slice(2),
);
