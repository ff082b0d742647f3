/**
 * The main job: a whole system on one machine, from an empty folder to a page that a phone has fetched from the
 * nearest instance. Run it with `npm start`.
 */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deferred, helpText, messageOf, systemClock } from '@edgeplane/base';
import { MatchEngineApiClient } from '@edgeplane/proto/dme/app-client.js';
import { connect } from '@edgeplane/rpc';
import { applySample, waitForSites } from './apply.js';
import { haveFor } from './have.js';
import { prepareImages } from './images.js';
import { fetchPage, findNearest } from './phone.js';
import { parseSettings, QUICKSTART_FLAGS, type Settings } from './settings.js';
import { SITES, type Site, sharedFqdn, VISITS, type Visit } from './sites.js';
import { publicAddress, type System, startSystem } from './system.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const PAGE_DEADLINE_MS = 120_000;

const say = (text: string) => process.stdout.write(`${text}\n`);

async function main(settings: Settings): Promise<void> {
  const stateDir = resolve(settings.stateDir);
  const imageDir = join(stateDir, 'images');
  await mkdir(stateDir, { recursive: true });
  await chmod(stateDir, 0o700);
  const wantReal = (site: Site) => !settings.fake && haveFor(site);
  for (const site of SITES)
    say(`site ${site.name}: ${wantReal(site) ? 'real work on this host' : 'simulated'}`);
  if (SITES.some(wantReal)) {
    say('building the sample images, or taking them from the cache');
    await prepareImages(root, imageDir);
  }
  const interrupted = deferred<string>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.resolve(signal));
  say('starting controller, match engine and agents');
  const system = await startSystem({ root, stateDir, imageDir, settings, wantReal, say });
  try {
    const died = Promise.race(
      system.processes.map(async (p) => {
        const { code, signal } = await p.exited;
        throw new Error(
          `${p.name} ended with ${signal ?? `status ${code}`}; see ${join(stateDir, `${p.name}.log`)}`,
        );
      }),
    );
    const work = demonstrate(settings, system).then(() => {
      if (settings.once) return 'done';
      sayWhatNext(settings, system, stateDir);
      return interrupted.promise;
    });
    await Promise.race([work, interrupted.promise, died]);
  } finally {
    say('stopping');
    await system.stop();
  }
  say('stopped; nothing is left running');
}

async function demonstrate(settings: Settings, system: System): Promise<void> {
  await waitForSites(systemClock, system.addresses.api);
  await applySample(root, system.addresses.api);
  const client = connect(MatchEngineApiClient, system.addresses.dme);
  try {
    for (const visit of VISITS) await visitNearest(settings, client, visit, system);
  } finally {
    client.close();
  }
}

async function visitNearest(
  settings: Settings,
  client: MatchEngineApiClient,
  visit: Visit,
  system: System,
): Promise<void> {
  const site = SITES.find((s) => s.name === visit.expect);
  if (!site) throw new Error(`no site ${visit.expect}`);
  if (!system.isReal(site)) {
    if (visit.kind === 'virtual machine') return;
    const found = await findNearest(client, visit);
    say(`${visit.app} from ${visit.from}: ${found.fqdn} (simulated, so it serves no page)`);
    return;
  }
  const found = await findNearest(client, visit);
  if (found.fqdn !== sharedFqdn(site.name))
    throw new Error(`${visit.from} was sent to ${found.fqdn}, not to ${site.name}`);
  const port = found.ports[0]?.publicPort ?? 0;
  const target = { address: publicAddress(settings, site), fqdn: found.fqdn, port };
  const page = await fetchPage(systemClock, target, PAGE_DEADLINE_MS);
  say(
    `${visit.app} from ${visit.from}: http://${found.fqdn}:${port}/ (${visit.kind}) says: ${firstWords(page)}`,
  );
}

/** The text of a page, shortened. */
function firstWords(page: string): string {
  const text = page
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

function sayWhatNext(settings: Settings, system: System, stateDir: string): void {
  const { api, dme, dmeRest, notify } = system.addresses;
  const [berlin] = SITES;
  say('');
  say(
    `controller ${api}, notify ${notify}, match engine ${dme} (REST ${dmeRest}), state and logs in ${stateDir}`,
  );
  say('try next:');
  say(`  bin/edgectl --addr ${api} --output-format table controller show appinst`);
  say(`  bin/edgectl --addr ${api} controller show cloudletinfo`);
  if (berlin) {
    const fqdn = sharedFqdn(berlin.name);
    say(`  curl --resolve ${fqdn}:8080:${publicAddress(settings, berlin)} http://${fqdn}:8080/`);
  }
  say('Ctrl-C stops everything; the next start finds it again.');
}

const argv = process.argv.slice(2);
if (argv.some((a) => /^--?help$/.test(a))) {
  say(helpText('npm start --', 'a whole system on this machine', QUICKSTART_FLAGS));
} else {
  let settings: Settings | undefined;
  try {
    settings = parseSettings(argv);
  } catch (error) {
    process.stderr.write(`quickstart: ${messageOf(error)}\n`);
    process.exitCode = 2;
  }
  if (settings) {
    try {
      await main(settings);
    } catch (error) {
      process.stderr.write(`quickstart: ${messageOf(error)}\n`);
      process.exitCode = 1;
    }
  }
}
