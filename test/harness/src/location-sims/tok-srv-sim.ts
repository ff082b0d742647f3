/** The program `tok-srv-sim`: a carrier's token server for tests and demonstrations (match engine spec section 7.3). */
import { type FlagSpec, parseFlags, runProgram, systemClock } from '@edgeplane/base';
import { httpService } from './http-service.js';
import { answerTokSrv } from './tok-srv.js';

const FLAGS = {
  port: { type: 'number', default: '8080', about: 'port to listen on; 0 is any free one' },
  host: { type: 'string', default: '127.0.0.1', about: 'address to listen on; :: is every interface' },
  token: { type: 'string', default: '', about: 'one token for everybody; empty: one for each caller' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

await runProgram(
  {
    name: 'tok-srv-sim',
    about: 'simulates the token server of a carrier',
    version: '0.1.0',
    flags: FLAGS,
    create(argv) {
      const { host, port, token } = parseFlags(FLAGS, argv).values;
      return httpService(host, port, (asked) => answerTokSrv(systemClock, token, asked));
    },
  },
  process.argv.slice(2),
);
