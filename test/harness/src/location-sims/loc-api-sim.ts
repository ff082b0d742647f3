/** The program `loc-api-sim`: a carrier's location API for tests and demonstrations (match engine spec section 7.2). */
import { readFileSync } from 'node:fs';
import { type FlagSpec, parseFlags, runProgram, systemClock } from '@edgeplane/base';
import { readCountries } from './countries.js';
import { httpService } from './http-service.js';
import { KnownPlaces } from './known-places.js';
import { answerLocApi } from './loc-api.js';

const FLAGS = {
  port: { type: 'number', default: '8080', about: 'port to listen on; 0 is any free one' },
  host: { type: 'string', default: '127.0.0.1', about: 'address to listen on; :: is every interface' },
  file: { type: 'string', default: '/var/tmp/locapisim.yml', about: 'where places are kept, by IP address' },
  geo: { type: 'string', default: '', about: 'GeoJSON file with the borders of countries; empty is none' },
  country: { type: 'string', default: 'US', about: 'country that clients are at home in' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

await runProgram(
  {
    name: 'loc-api-sim',
    about: 'simulates the location API of a carrier',
    version: '0.1.0',
    flags: FLAGS,
    create(argv) {
      const { host, port, file, geo, country } = parseFlags(FLAGS, argv).values;
      const options = {
        places: new KnownPlaces(file),
        countries: geo === '' ? undefined : readCountries(readFileSync(geo, 'utf8')),
        home: country,
        clock: systemClock,
      };
      return httpService(host, port, (asked) => answerLocApi(options, asked));
    },
  },
  process.argv.slice(2),
);
