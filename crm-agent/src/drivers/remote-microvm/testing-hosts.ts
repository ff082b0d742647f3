import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { stringify } from 'yaml';
import { testApp, testAppInst, testClusterInst, testDriverContext, testFlavor } from '../../testing.js';
import { Troubles } from '../../troubles.js';
import type { AppInstRequest, ClusterInstRequest, DriverContext } from '../driver.js';
import { TestingPorts } from '../remote/testing-ports.js';
import { TEST_TIMING } from '../remote/testing-timing.js';
import type { RemoteTiming } from '../remote/timing.js';
import { RemoteMicrovmDriver } from './remote-microvm-driver.js';
import { type HostQuirks, TestingHost } from './testing-host.js';

export const APP = testApp({ deployment: 'docker', imagePath: 'registry.example/boots:1' });
export const FLAVOR = testFlavor({ ram: 1024n, vcpus: 1n, disk: 1n });

/** A docker AppInst with one public port. */
export function appRequest(app = APP, cluster = testClusterInst()): AppInstRequest {
  const port = { proto: LProto.L_PROTO_TCP, internalPort: 8080, publicPort: 8081, pathPrefix: '' };
  const appInst = testAppInst({ mappedPorts: [{ ...port, fqdnPrefix: '' }] }, app, cluster);
  return { keyJson: OBJECTS.AppInst.keyJsonOf(appInst), app, appInst, clusterInst: cluster, flavor: FLAVOR };
}

export function clusterRequest(): ClusterInstRequest {
  const clusterInst = testClusterInst();
  return { keyJson: OBJECTS.ClusterInst.keyJsonOf(clusterInst), clusterInst, flavor: FLAVOR };
}

const TOKEN = 's3cr3t';

/** Hosts behind TLS and a token, and drivers that know both. */
export class TestingHosts {
  readonly dir = mkdtempSync(join(tmpdir(), 'edgeplane-hosts-'));
  readonly hosts: readonly TestingHost[];
  readonly ports = new TestingPorts();
  readonly troubles = new Troubles();
  readonly hostsFile = join(this.dir, 'hosts.yaml');
  #state = 0;

  constructor(quirks: readonly Partial<HostQuirks>[]) {
    const ca = makeTestCa(this.dir, 'ca').cert;
    const server = makeTestCertificate(this.dir, 'server', 'ca', 'DNS:hosts.example');
    makeTestCertificate(this.dir, 'client', 'ca', 'DNS:agent');
    writeFileSync(join(this.dir, 'token'), `${TOKEN}\n`, { mode: 0o600 });
    const tls = { ca: readFileSync(ca), cert: readFileSync(server.cert), key: readFileSync(server.key) };
    this.hosts = quirks.map((host) => new TestingHost(host, { tls, token: TOKEN }));
  }

  async start(): Promise<void> {
    for (const host of this.hosts) await host.start();
    const files = { ca: 'ca.crt', cert: 'client.crt', key: 'client.key', token_file: 'token' };
    const hosts = this.hosts.map(({ address, quirks }, at) => ({
      ...{ address, dialect: quirks.dialect, server_name: 'hosts.example', ...files },
      network: { addresses: `10.8.${at}.10-10.8.${at}.200`, gateway: `10.8.${at}.1`, bridge: 'br0' },
    }));
    const kernel = { image: 'registry.example/kernel:1', filename: 'boot/vmlinux', cmdline: { quiet: '' } };
    writeFileSync(this.hostsFile, stringify({ kernel, hosts }));
  }

  /** Forgets what agents remember; the next one is another. */
  newState(): void {
    this.#state += 1;
  }

  all() {
    return this.hosts.flatMap((host) => [...host.microvms.values()]);
  }

  async open(
    over: Partial<DriverContext> = {},
    timing: RemoteTiming = TEST_TIMING,
  ): Promise<RemoteMicrovmDriver> {
    const driver = new RemoteMicrovmDriver({ hostsFile: this.hostsFile, capacity: undefined }, timing);
    const stateDir = join(this.dir, `state-${this.#state}`);
    const { ports: publicPorts, troubles } = this;
    await driver.init(testDriverContext({ stateDir, publicPorts, troubles, ...over }));
    return driver;
  }

  async stop(): Promise<void> {
    for (const host of this.hosts) await host.stop();
    rmSync(this.dir, { recursive: true });
  }
}
