import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, ROOT, runCommand } from '@edgeplane/test-harness';

/** One site `op/site` with a flavor and an App with port tcp:8080, ready for instances. */
const siteYaml = (webPorts: string) => `
flavors:
  - { key: { name: x1.small }, ram: 256, vcpus: 1, disk: 1 }
cloudlets:
  - key: { operator_key: { name: op }, name: site }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
apps:
  - key: { developer_key: { name: dev }, name: web, version: "1.0" }
    image_path: localhost/edgeplane/hello:1.0
    image_type: ImageTypeDocker
    access_ports: ${webPorts}
    default_flavor: { name: x1.small }
  - key: { developer_key: { name: dev }, name: ghost, version: "1.0" }
    image_path: localhost/edgeplane/ghost:1.0
    image_type: ImageTypeDocker
    access_ports: tcp:8081
    default_flavor: { name: x1.small }
  - key: { developer_key: { name: dev }, name: vm, version: "1.0" }
    image_path: edgeplane-hello.qcow2
    image_type: ImageTypeQcow
    access_ports: tcp:8080
    default_flavor: { name: x1.small }
`;

/** Flags that name the ClusterInst `c1` on the site. */
export const CLUSTER_ARGS = [
  ...[
    '--key-clusterkey-name',
    'c1',
    '--key-cloudletkey-operatorkey-name',
    'op',
    '--key-cloudletkey-name',
    'site',
  ],
  ...['--key-developer', 'dev', '--flavor-name', 'x1.small', '--numnodes', '1'],
];

/** Flags that name the AppInst of an App of the site on `c1`. */
export function instanceArgs(app: string): string[] {
  return [
    ...['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', app, '--key-appkey-version', '1.0'],
    ...['--key-clusterinstkey-clusterkey-name', 'c1', '--key-clusterinstkey-developer', 'dev'],
    ...[
      '--key-clusterinstkey-cloudletkey-operatorkey-name',
      'op',
      '--key-clusterinstkey-cloudletkey-name',
      'site',
    ],
  ];
}

export const INSTANCE_ARGS = instanceArgs('web');

/** Waits for the site's agent, then creates what {@link siteYaml} names. */
export async function prepareSite(api: string, webPorts = 'tcp:8080'): Promise<void> {
  const edgectl = (args: string[], input?: string) =>
    runCommand(
      join(ROOT, 'bin/edgectl'),
      ['--addr', api, 'controller', ...args],
      input === undefined ? {} : { input },
    );
  await eventually('the agent is ready', async () =>
    (await edgectl(['ShowCloudletInfo'])).stdout.includes('CloudletStateReady'),
  );
  const made = await edgectl(['create', '-f', '-'], siteYaml(webPorts));
  if (made.code !== 0) throw new Error(made.stderr);
}

/** Builds the sample images, or takes them from the cache; the folder they are in, below `dir`. */
export async function buildImages(dir: string): Promise<string> {
  const images = join(dir, 'images');
  mkdirSync(images);
  await containerImage(images);
  copyFileSync(await builtImage('guest/build.sh'), join(images, 'edgeplane-hello.qcow2'));
  return images;
}

/** Puts the sample container image into a folder. */
export async function containerImage(images: string): Promise<void> {
  copyFileSync(await builtImage('container/build.mjs'), join(images, 'localhost_edgeplane_hello_1.0.tar'));
}

/** What a script of deploy/images makes, or has made before. */
export async function builtImage(script: string): Promise<string> {
  const built = await runCommand(join(ROOT, 'deploy/images', script), [], { timeoutMs: 500_000 });
  if (built.code !== 0) throw new Error(built.stderr);
  return built.stdout.trim().split('\n').at(-1)?.split(' ')[0] ?? '';
}
