import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { AppApiClient } from '@edgeplane/proto/edgeproto/app.js';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { ClusterInstApiClient } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { type Bench, durationFigure, median } from '../figures.js';
import { appInst, CONTAINER_IMAGE, clusterInst } from '../samples.js';
import { barePodman } from './bare-podman.js';
import { type LocalSite, PUBLIC_ADDRESS, withLocalSite } from './local-site.js';
import { page } from './page.js';

const ROUNDS = 7;

/** What is made by hand, and how it goes away again. */
interface ByHand {
  readonly make: readonly string[];
  readonly remove: readonly string[];
}

/** A container with the limits, network and port that the agent gives. */
function containerByHand(network: string, port: number): ByHand {
  const limits = ['--memory', '256m', '--cpus', '1'];
  const publish = ['--publish', `${PUBLIC_ADDRESS}:${port}:8080`];
  return {
    make: ['run', '-d', '--name', 'bare', '--network', network, ...limits, ...publish, CONTAINER_IMAGE],
    remove: ['rm', '-f', '-t', '0', 'bare'],
  };
}

/** A pod of one such container, from a manifest as the agent has it. */
function podByHand(state: string, network: string, port: number): ByHand {
  const file = join(state, 'bare.json');
  const limits = { memory: '256Mi', cpu: '1' };
  const ports = [{ containerPort: 8080, hostPort: port, hostIP: PUBLIC_ADDRESS }];
  const container = { name: 'web', image: CONTAINER_IMAGE, resources: { limits }, ports };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'bare' },
    spec: { containers: [container] },
  };
  writeFileSync(file, JSON.stringify(pod));
  return {
    make: ['kube', 'play', '--network', network, file],
    remove: ['pod', 'rm', '-f', '-t', '0', 'bare'],
  };
}

/** By hand until the page is there, milliseconds. */
async function timeByHand(state: string, { make, remove }: ByHand, port: number): Promise<number> {
  const started = performance.now();
  await barePodman(state, make);
  await page(PUBLIC_ADDRESS, port);
  const took = performance.now() - started;
  await barePodman(state, remove);
  return took;
}

/** Has Apps run as single containers, beside the one that runs as a pod. */
async function createSingle(api: string): Promise<void> {
  const apps = connect(AppApiClient, api);
  try {
    const key = { developerKey: { name: 'dev' }, name: 'single', version: '1.0' };
    const app = { deployment: 'docker', accessPorts: 'tcp:8080', defaultFlavor: { name: 'small' } };
    const image = { imageType: 1 as const, imagePath: CONTAINER_IMAGE };
    await callUnary(apps, 'createApp', { ...OBJECTS.App.withKey(key), ...app, ...image });
  } finally {
    apps.close();
  }
}

type Medians = readonly [ours: number, bare: number];

/** Both of an App, in turn, on a cluster of its own. */
async function compare(
  { api, state }: LocalSite,
  app: string,
  deployment: string,
  byHand: (network: string, port: number) => ByHand,
): Promise<Medians> {
  const clusters = connect(ClusterInstApiClient, api);
  const apps = connect(AppInstApiClient, api);
  // One of plain containers has no nodes.
  const nodes = deployment === 'docker' ? { numNodes: 0 } : {};
  const cluster = { ...clusterInst(`on-${app}`), deployment, ...nodes };
  const target = appInst(app, `on-${app}`);
  const ours: number[] = [];
  const bare: number[] = [];
  const create = async () => {
    const started = performance.now();
    for await (const _ of callStream(apps, 'createAppInst', target));
    const shown = callStream(apps, 'showAppInst', OBJECTS.AppInst.empty());
    for await (const inst of shown) await page(PUBLIC_ADDRESS, inst.mappedPorts[0]?.publicPort ?? 0);
    const took = performance.now() - started;
    for await (const _ of callStream(apps, 'deleteAppInst', target));
    return took;
  };
  try {
    for await (const _ of callStream(clusters, 'createClusterInst', cluster));
    // Brings the image into storage.
    await create();
    const networks = await barePodman(state, ['network', 'ls', '--format', '{{.Name}}']);
    const network = networks.split('\n').find((name) => name.startsWith(`on-${app}`));
    if (network === undefined) throw new Error(`no network of the cluster among ${networks}`);
    for (let round = 0; round < ROUNDS; round++) {
      const port = 18_180 + round;
      bare.push(await timeByHand(state, byHand(network, port), port));
      ours.push(await create());
    }
    for await (const _ of callStream(clusters, 'deleteClusterInst', cluster));
    return [median(ours), median(bare)];
  } finally {
    clusters.close();
    apps.close();
  }
}

/** From the API call to the page of a container and of a pod, each beside podman by hand. */
export const podStartBench: Bench = {
  group: 'runtime',
  name: 'container AppInsts from the API call to their page, beside bare podman',
  run: () =>
    withLocalSite(async (site) => {
      await createSingle(site.api);
      const single = await compare(site, 'single', 'docker', containerByHand);
      const pod = await compare(site, 'web', 'kubernetes', (network, port) =>
        podByHand(site.state, network, port),
      );
      return [
        durationFigure('runtime.container-start-to-page', ...single, 1.3),
        durationFigure('runtime.pod-start-to-page', ...pod, 1.3),
      ];
    }),
};
