import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DebugAreas, inArea, isDebugging, parseDebugAreas } from './debug-areas.js';
import { createLogger, silentLogger } from './logger.js';

test('debug lines of an area, and of loggers made from its own, are switched while they run', () => {
  const lines: string[] = [];
  const debug = new DebugAreas();
  const logger = createLogger({
    name: 'test',
    debug,
    destination: { write: (line) => lines.push(JSON.parse(line).msg) },
  });
  const notify = inArea(logger, 'notify').child({ peer: 1 }).child({ type: 'x' });
  const api = inArea(logger, 'api');
  const say = (round: number) => {
    for (const [name, child] of Object.entries({ notify, api, none: logger })) {
      child.debug(`${name} ${round}`);
      child.info(`${name} says ${round}`);
    }
  };
  const debugging = () => [notify, api, logger].map(isDebugging);
  const said = () => lines.splice(0).filter((line) => !line.includes('says'));
  say(1);
  assert.is(lines.length, 3, 'other levels are always written');
  assert.equal(said(), []);
  assert.equal(debugging(), [false, false, false]);
  debug.enable(['notify', 'etcd']);
  say(2);
  assert.equal(said(), ['notify 2']);
  assert.equal(debugging(), [true, false, false]);
  debug.enable(['api']);
  debug.disable(['notify']);
  say(3);
  assert.equal(said(), ['api 3']);
  assert.equal(debug.enabled(), ['etcd', 'api']);
  inArea(silentLogger, 'api').debug('nothing');
  assert.not(isDebugging(inArea(silentLogger, 'api')));
  assert.ok(isDebugging(createLogger({ name: 'all', level: 'debug' })));
});

test('the flag names areas; what is none is told apart', () => {
  assert.equal(parseDebugAreas(' notify,,api,all '), { areas: ['notify', 'api'], unknown: ['all'] });
  assert.equal(parseDebugAreas(''), { areas: [], unknown: [] });
});

test.run();
