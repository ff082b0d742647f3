/** A match engine fed by a controller's notify server, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, sleep, systemClock } from '@edgeplane/base';
import { NotifyServer, ObjectTable } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { MatchEngineApiClient, RegisterClientRequest } from '@edgeplane/proto/dme/app-client.js';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { parseConfig } from './config.js';
import { createDme, type Dme, type DmeOverrides } from './dme.js';
import { APPS, app, appInst, appKey, CLOUDLETS } from './fixtures.js';

export const PLATFORM = appKey('platos', 'PlatosEnablingLayer', '9');
export const OPEN = appKey('dev', 'open', '1');
export const CLOUDLET_KEY = '{"operator_key":{"name":"op"},"name":"home"}';

/** What a controller would send, and what it was told. */
export class TestWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'dme-'));
  readonly apps = new ObjectTable<App, AppKey>(OBJECTS.App);
  readonly insts = new ObjectTable<AppInst, AppInstKey>(OBJECTS.AppInst);
  readonly metrics: Metric[] = [];
  readonly #controller: NotifyServer;
  readonly #started: { stop(): Promise<void> }[] = [];
  #notify = '';

  /** Every App of the fixture on every cloudlet, a platform App, and one that permits it. */
  constructor() {
    for (const key of Object.values(APPS)) {
      this.apps.put(app(key));
      for (const cloudlet of CLOUDLETS) this.insts.put(appInst(key, cloudlet));
    }
    this.apps.put(app(PLATFORM));
    this.apps.put(app(OPEN, { permitsPlatformApps: true, androidPackageName: 'a.b.c' }));
    for (const cloudlet of CLOUDLETS)
      this.insts.put(appInst(OPEN, { ...cloudlet, uri: `x-${cloudlet.uri},y` }));
    this.#controller = new NotifyServer({
      sources: [this.apps, this.insts],
      receivers: [new ObjectTable(OBJECTS.Node)],
      messageReceivers: [
        { typeName: 'Metric', onMessage: (metric) => void this.metrics.push(metric as Metric) },
      ],
      logger: silentLogger,
      clock: systemClock,
    });
  }

  /** Starts a match engine on free ports and waits until it knows everything. */
  async start(
    flags: readonly string[] = [],
    overrides: DmeOverrides = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<TestDme> {
    this.#notify ||= await this.#controller.listen('127.0.0.1:0');
    const argv = [
      ...['--notifyAddrs', this.#notify, '--apiAddr', '127.0.0.1:0', '--httpAddr', '127.0.0.1:0'],
      ...['--scaleID', 'dme-1', '--cloudletKey', CLOUDLET_KEY],
      ...['--cookie-key-file', join(this.dir, 'keys.json')],
      ...(flags.includes('--state-dir') ? [] : ['--state-dir', '']),
      ...flags,
    ];
    const dme = createDme(parseConfig(argv, env), { logger: silentLogger, ...overrides });
    await dme.start();
    await until('synced', () => dme.notifyState === 'synced');
    const started = new TestDme(dme);
    this.#started.push(started);
    return started;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.map((each) => each.stop()));
    await this.#controller.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export class TestDme {
  readonly dme: Dme;
  readonly client: MatchEngineApiClient;

  constructor(dme: Dme) {
    this.dme = dme;
    this.client = connect(MatchEngineApiClient, dme.addresses['api'] ?? '');
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.dme.stop();
  }

  register(key: AppKey, more: Partial<RegisterClientRequest> = {}) {
    return callUnary(this.client, 'registerClient', registerRequest(key, more));
  }

  /** The cookie of a client of an App. */
  async cookie(key: AppKey): Promise<string> {
    return (await this.register(key)).sessionCookie;
  }

  /** One REST request; a body that is not text is sent as JSON. */
  http(path: string, body: unknown = '', method = 'POST'): Promise<HttpAnswer> {
    return httpCall(this.dme.addresses['http'] ?? '', path, body, method);
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export function httpCall(
  address: string,
  path: string,
  body: unknown = '',
  method = 'POST',
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve, reject) => {
    const options = { host: hostname.replace(/^\[|\]$/g, ''), port, path, method };
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.on('error', reject);
    request.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

export function registerRequest(
  key: AppKey,
  more: Partial<RegisterClientRequest> = {},
): RegisterClientRequest {
  return {
    ...RegisterClientRequest.decode(new Uint8Array()),
    devName: key.developerKey?.name ?? '',
    appName: key.name,
    appVers: key.version,
    ...more,
  };
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean> | Promise<boolean>,
): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (await condition()) return;
    await sleep(systemClock, 10);
  }
  throw new Error(`never: ${what}`);
}
