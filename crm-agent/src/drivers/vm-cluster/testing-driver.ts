import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { type Disk, systemDisk } from '../../disk.js';
import { testApp, testAppInst, testClusterInst, testDriverContext, testFlavor } from '../../testing.js';
import type { AppInstRequest, ClusterInstRequest } from '../driver.js';
import { FakeDriver } from '../fake/index.js';
import type { OnEffect, TestingSite } from './testing-site.js';
import { VmClusterDriver } from './vm-cluster-driver.js';

export const IMAGE = 'localhost/edgeplane/hello:1.0';
export const PORT = 8080;

export const manifest = (replicas: number, image = IMAGE) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: hello }
spec:
  replicas: ${replicas}
  template:
    metadata: { labels: { run: hello } }
    spec:
      containers:
      - name: hello
        image: ${image}
        ports:
        - { containerPort: ${PORT}, protocol: TCP }
        - { containerPort: ${PORT}, protocol: UDP }
`;

export function clusterRequest(numNodes: number, numMasters = 1): ClusterInstRequest {
  const clusterInst = testClusterInst({ numMasters, numNodes });
  const keyJson = OBJECTS.ClusterInst.keyJsonOf(clusterInst);
  return { keyJson, clusterInst, flavor: testFlavor({ ram: 448n, vcpus: 1n, disk: 1n }) };
}

export function appRequest(replicas: number, publicPort = PORT, image = IMAGE): AppInstRequest {
  const app = testApp({
    deployment: 'kubernetes',
    imagePath: image,
    deploymentManifest: manifest(replicas, image),
  });
  const mappedPorts = [LProto.L_PROTO_TCP, LProto.L_PROTO_UDP].map((proto) => ({
    ...{ proto, internalPort: PORT, publicPort, pathPrefix: '', fqdnPrefix: '' },
  }));
  const appInst = testAppInst({ mappedPorts }, app);
  const keyJson = OBJECTS.AppInst.keyJsonOf(appInst);
  const flavor = testFlavor({ ram: 96n, vcpus: 1n, disk: 1n });
  return { keyJson, app, appInst, clusterInst: testClusterInst(), flavor };
}

export interface TestingOptions {
  readonly onEffect?: OnEffect;
  readonly clock?: Clock;
  readonly disk?: Disk;
}

/** A driver on a host in memory, with its records in a folder. */
export async function openDriver(
  site: TestingSite,
  dir: string,
  { onEffect = () => undefined, clock = systemClock, disk = systemDisk }: TestingOptions = {},
): Promise<VmClusterDriver> {
  const nodeImage = join(dir, 'image');
  mkdirSync(nodeImage, { recursive: true });
  for (const file of ['disk.qcow2', 'vmlinuz', 'initrd']) writeFileSync(join(nodeImage, file), '');
  const engines = site.engines(onEffect);
  const local = Object.assign(new FakeDriver(), engines.images);
  const driver = new VmClusterDriver({ cpuOvercommit: 1, nodeImage, local, engines: async () => engines });
  const stateDir = join(dir, 'state');
  await driver.init(testDriverContext({ stateDir, clock, disk }), new AbortController().signal);
  return driver;
}
