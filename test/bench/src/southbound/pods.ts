import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  Container,
  Pod,
  PodServiceAllocateRequest,
  PodServiceClient,
  PodServiceFreeRequest,
  PodServiceStartRequest,
} from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { type Bench, durationFigure, median } from '../figures.js';
import { barePodman } from '../runtime/bare-podman.js';
import { CONTAINER_FILE, sampleImage } from '../runtime/sample-image.js';
import { CONTAINER_IMAGE } from '../samples.js';
import { type DoorsSite, withDoors } from './doors-site.js';

const STEPS = ['allocate', 'start', 'free'] as const;
type Took = Record<(typeof STEPS)[number], number>;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** One pod of one container through the door. */
async function ours(client: PodServiceClient, round: number): Promise<Took> {
  const name = `bench-${round}`;
  const containers = [Container.fromPartial({ name: 'hello', image: CONTAINER_IMAGE })];
  const pod = Pod.fromPartial({ name, containers });
  return {
    allocate: await timed(() =>
      callUnary(client, 'allocate', PodServiceAllocateRequest.fromPartial({ pod })),
    ),
    start: await timed(() => callUnary(client, 'start', PodServiceStartRequest.fromPartial({ name }))),
    free: await timed(() =>
      callUnary(client, 'free', PodServiceFreeRequest.fromPartial({ podName: name, force: true })),
    ),
  };
}

/** The same by hand: a pod with a container made, started, and removed with force. */
async function bare(state: string, round: number): Promise<Took> {
  const name = `bare-${round}`;
  return {
    allocate: await timed(async () => {
      await barePodman(state, ['pod', 'create', '--name', name]);
      await barePodman(state, ['create', '--pod', name, CONTAINER_IMAGE]);
    }),
    start: await timed(() => barePodman(state, ['pod', 'start', name])),
    free: await timed(() => barePodman(state, ['pod', 'rm', '-f', '-t', '0', name])),
  };
}

/** Allocate, Start and Free of Aurae's pods beside podman by hand, on the same storage. */
export const podsBench: Bench = {
  group: 'southbound',
  name: "Aurae's pods beside bare podman",
  async run({ pods }) {
    const flags = (dir: string) => {
      const images = join(dir, 'images');
      mkdirSync(images);
      return ['--aurae-addr', '127.0.0.1:0', '--aurae-insecure', '--image-dir', images];
    };
    return withDoors(flags, async (site: DoorsSite) => {
      await sampleImage('container/build.mjs', join(site.dir, 'images', CONTAINER_FILE));
      const client = connect(PodServiceClient, site.address('aurae'));
      const state = join(site.state, 'southbound', 'aurae');
      const took: { readonly ours: Took; readonly bare: Took }[] = [];
      try {
        // Brings the image into storage.
        await ours(client, 0);
        for (let round = 1; round <= pods; round++)
          took.push({ bare: await bare(state, round), ours: await ours(client, round) });
      } finally {
        client.close();
      }
      return STEPS.map((step) =>
        durationFigure(
          `southbound.pod-${step}`,
          median(took.map((each) => each.ours[step])),
          median(took.map((each) => each.bare[step])),
          null,
        ),
      );
    });
  },
};
