// test: timeout=180s
/** A flood of dear calls from one address, and what a client of another one feels of it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type EdgeplaneError, systemClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { FindCloudletRequest, MatchEngineApiClient } from '@edgeplane/proto/dme/app-client.js';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { eventually, type Running, startProgram, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const FLOOD = fileURLToPath(new URL('./dme-flood-program.ts', import.meta.url));
/** Makes GetAppInstList take a few milliseconds. */
const INSTANCES = 600;
const CONNECTIONS = 100;
const CALLS_OF_EACH = 2;
/** Calls of the polite client that are answered. */
const CALLS = 9;

const APP = { developerKey: { name: 'Ever.AI' }, name: 'Ever', version: '1.7' };
const HERE = { ...Loc.decode(new Uint8Array()), latitude: 47.6, longitude: 122.3 };

interface Counts {
  readonly done: number;
  readonly refused: number;
}

/** Times of the calls that were answered, and the texts of those that were not. */
interface Felt {
  readonly medianMs: number;
  readonly refusals: ReadonlySet<string>;
  readonly flood: Counts;
}

function counts(flood: ChildProcess): Promise<Counts> {
  return new Promise((resolve) => {
    flood.once('message', (message) => resolve(message as Counts));
    flood.send('counts');
  });
}

async function addInstances(address: string): Promise<void> {
  const client = connect(AppInstApiClient, address);
  const add = async (i: number) => {
    const cloudletKey = { operatorKey: { name: 'busy' }, name: `site-${i}` };
    const clusterInstKey = { clusterKey: { name: 'c' }, cloudletKey, developer: '' };
    const inst = OBJECTS.AppInst.withKey({ appKey: APP, clusterInstKey });
    const cloudletLoc = { ...HERE, latitude: (i % 170) - 85, longitude: i % 180 };
    for await (const _ of callStream(client, 'createAppInst', { ...inst, uri: `${i}`, cloudletLoc }));
  };
  await Promise.all(Array.from({ length: INSTANCES }, (_, i) => add(i)));
  client.close();
}

/** Calls one after another until enough were answered. */
async function feel(client: MatchEngineApiClient, sessionCookie: string): Promise<Omit<Felt, 'flood'>> {
  const empty = FindCloudletRequest.decode(new Uint8Array());
  const request = { ...empty, sessionCookie, carrierName: 'DMUUS', gpsLocation: HERE };
  const times: number[] = [];
  const refusals = new Set<string>();
  while (times.length < CALLS) {
    const began = systemClock.monotonic();
    try {
      const { fqdn } = await callUnary(client, 'findCloudlet', request);
      assert.is(fqdn, '13.1.13.1');
      times.push(systemClock.monotonic() - began);
    } catch (error) {
      refusals.add((error as EdgeplaneError).message);
    }
  }
  return { medianMs: times.sort((a, b) => a - b)[Math.floor(CALLS / 2)] ?? 0, refusals };
}

/** What a polite client feels while another address floods a match engine that was started with these flags. */
async function underFlood(flags: readonly string[]): Promise<Felt> {
  const dir = tempDir('overload');
  const listeners = ['--apiAddr', '127.0.0.1:0', '--dlgAddr', '[::1]:0', '--httpAddr', ''];
  let dme: Running | undefined;
  let flood: ChildProcess | undefined;
  try {
    dme = await startProgram('dme', ['--standalone', ...listeners, ...flags], dir.path);
    const api = dme.addresses['api'] ?? '';
    const polite = connect(MatchEngineApiClient, dme.addresses['dlg'] ?? '');
    await addInstances(api);
    const register = {
      ver: 0,
      devName: 'Ever.AI',
      appName: 'Ever',
      appVers: '1.7',
      carrierName: '',
      authToken: '',
    };
    const { sessionCookie } = await callUnary(polite, 'registerClient', register);
    const args = [api, sessionCookie, String(CONNECTIONS), String(CALLS_OF_EACH)];
    const child = fork(FLOOD, args, { execArgv: process.execArgv });
    flood = child;
    await eventually('the flood is there', async () => {
      const { done, refused } = await counts(child);
      return done + refused > CONNECTIONS * CALLS_OF_EACH;
    });
    const felt = await feel(polite, sessionCookie);
    polite.close();
    return { ...felt, flood: await counts(child) };
  } finally {
    flood?.kill('SIGKILL');
    await dme?.stop();
    dir.remove();
  }
}

test('held to a rate, or shed, a flood is refused, and those who are polite are answered', async () => {
  const open = await underFlood(['--shed-lag', '0s']);
  const limited = await underFlood(['--shed-lag', '0s', '--peer-rate', '5']);
  const shed = await underFlood(['--shed-lag', '20ms']);
  assert.is(open.flood.refused, 0);
  assert.is(open.refusals.size, 0);
  // A polite client is not refused because another one is.
  assert.is(limited.refusals.size, 0);
  assert.ok(limited.flood.refused > 0);
  assert.ok(shed.flood.refused > 0);
  for (const text of shed.refusals) assert.match(text, 'more to do than it can: try again later');
  // How long they waited depends on what else the machine does: told, not judged.
  const felt = Object.entries({ open, limited, shed }).map(
    ([how, { medianMs }]) => `${how} ${medianMs.toFixed(1)} ms`,
  );
  process.stdout.write(`median of the answered: ${felt.join(', ')}\n`);
});

test.run();
