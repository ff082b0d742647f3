import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { testApp, testAppInst, testClusterInst, testDriverContext, testFlavor } from '../../testing.js';
import { Troubles } from '../../troubles.js';
import type { AppInstRequest, ClusterInstRequest, DriverContext } from '../driver.js';
import { TestingPorts } from '../remote/testing-ports.js';
import { TEST_TIMING } from '../remote/testing-timing.js';
import type { RemoteTiming } from '../remote/timing.js';
import { RemoteProviderDriver } from './remote-provider-driver.js';
import { PLAIN, type Quirks, TestingProvider } from './testing-provider.js';

export const VM = testApp({ deployment: 'vm', imagePath: 'https://images.example/guest.qcow2' });
export const FLAVOR = testFlavor({ ram: 192n, vcpus: 1n, disk: 1n });

/** A vm AppInst with one public port for TCP and UDP. */
export function appRequest(app = VM, flavor = FLAVOR): AppInstRequest {
  const mappedPorts = [LProto.L_PROTO_TCP, LProto.L_PROTO_UDP].map((proto) => ({
    ...{ proto, internalPort: 8080, publicPort: 8081, pathPrefix: '', fqdnPrefix: '' },
  }));
  const appInst = testAppInst({ mappedPorts }, app);
  return { keyJson: OBJECTS.AppInst.keyJsonOf(appInst), app, appInst, clusterInst: undefined, flavor };
}

export function clusterRequest(numNodes: number): ClusterInstRequest {
  const clusterInst = testClusterInst({ numNodes, numMasters: 0 });
  return { keyJson: OBJECTS.ClusterInst.keyJsonOf(clusterInst), clusterInst, flavor: FLAVOR };
}

const TOKEN = 's3cr3t';

/** A provider behind TLS and a token, and drivers that know both. */
export class TestingSite {
  readonly dir = mkdtempSync(join(tmpdir(), 'edgeplane-provider-'));
  readonly provider: TestingProvider;
  readonly ports = new TestingPorts();
  readonly troubles = new Troubles();
  readonly access: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly tokenFile: string;
  };
  #state = 0;

  constructor(quirks: Partial<Quirks> = {}) {
    const ca = makeTestCa(this.dir, 'ca').cert;
    const server = makeTestCertificate(this.dir, 'server', 'ca', 'DNS:machines.example');
    const tokenFile = join(this.dir, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
    this.access = { ca, tokenFile, ...makeTestCertificate(this.dir, 'client', 'ca', 'DNS:agent') };
    const [caPem, cert, key] = [ca, server.cert, server.key].map((path) => readFileSync(path));
    const tls = caPem && cert && key ? { tls: { ca: caPem, cert, key } } : {};
    this.provider = new TestingProvider({ ...PLAIN, ...quirks }, { ...tls, token: TOKEN });
  }

  /** Forgets what agents remember; the next one is another. */
  newState(): void {
    this.#state += 1;
  }

  async open(
    over: Partial<DriverContext> = {},
    timing: RemoteTiming = TEST_TIMING,
  ): Promise<RemoteProviderDriver> {
    const endpoint = {
      ...this.access,
      address: this.provider.address,
      serverName: 'machines.example',
      insecure: false,
    };
    const settings = {
      endpoint,
      network: 'default',
      bridge: '',
      nodeImage: 'node-template',
      capacity: undefined,
    };
    const driver = new RemoteProviderDriver(settings, timing);
    const stateDir = join(this.dir, `state-${this.#state}`);
    const { ports: publicPorts, troubles } = this;
    const context = testDriverContext({ stateDir, publicPorts, troubles, ...over });
    await driver.init(context, new AbortController().signal);
    return driver;
  }

  async stop(): Promise<void> {
    await this.provider.stop();
    rmSync(this.dir, { recursive: true });
  }
}
