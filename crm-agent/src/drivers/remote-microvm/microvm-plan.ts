import { createHash } from 'node:crypto';
import { fail } from '@edgeplane/base';
import { stringify } from 'yaml';
import { hostName, shortHash } from '../../host-names.js';
import type { AppInstRequest } from '../driver.js';
import { readEnvVars } from '../local/env-vars.js';
import { localErrors } from '../local/errors.js';
import { sizeOf } from '../local/vm-plan.js';
import { remoteErrors } from '../remote/errors.js';
import { wantedPorts } from '../remote/reach.js';

/** One microVM, wherever it goes. Plain JSON. */
export interface MicrovmPlan {
  /** Its id at a host, in our own namespace; also its host name. */
  readonly name: string;
  readonly vcpu: number;
  readonly memoryMb: number;
  /** 0: the image's own. */
  readonly diskMb: number;
  /** Container image with the files of its root disk. */
  readonly image: string;
  readonly mac: string;
  /** Documents for the guest by name, not encoded. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it has to be reached from here. */
  readonly reached: boolean;
}

/**
 * The microVM of a docker AppInst. Its image boots: what runs in it is what its own init starts; the App's command and its
 * environment come as user data. @throws EdgeplaneError naming what of the App or flavor cannot be
 */
export function planMicrovm(
  request: AppInstRequest,
  { platform, cloudletKeyJson }: { readonly platform: string; readonly cloudletKeyJson: string },
): MicrovmPlan {
  const { app, appInst, flavor, keyJson } = request;
  const { deployment } = app;
  if (deployment !== 'docker')
    throw fail(remoteErrors.DEPLOYMENT_UNSUPPORTED, { deployment, platform, known: 'docker' });
  if (flavor.devices.length > 0)
    throw fail(remoteErrors.DEVICES_UNSUPPORTED, {
      ...{ flavor: flavor.key?.name ?? '', platform, devices: flavor.devices.join(', ') },
    });
  const name = hostName([app.key?.name ?? ''], keyJson);
  const instance = `ep-${shortHash(keyJson)}`;
  return {
    name,
    vcpu: sizeOf(flavor, 'vcpus'),
    memoryMb: sizeOf(flavor, 'ram'),
    diskMb: Number(flavor.disk) * 1024,
    image: app.imagePath,
    mac: macOf(`${cloudletKeyJson} ${keyJson}`),
    metadata: {
      // With dashes for cloud-init, with underscores for flintlock itself.
      'meta-data': stringify({
        ...{ 'instance-id': instance, instance_id: instance, 'local-hostname': name, local_hostname: name },
        platform: 'edgeplane',
      }),
      'user-data': userData(request),
    },
    labels: { 'edgeplane.cloudlet': shortHash(cloudletKeyJson), 'edgeplane.appInst': shortHash(keyJson) },
    reached: wantedPorts(appInst.mappedPorts).length > 0,
  };
}

function userData({ app }: AppInstRequest): string {
  if (app.deploymentManifest !== '') return app.deploymentManifest;
  const variables = readEnvVars(app.configs).map(({ name, value, valueFrom }) => {
    if (valueFrom === undefined) return `${name}=${JSON.stringify(value ?? '')}\n`;
    const rule = `${name} must have a plain value for deployment docker`;
    throw fail(localErrors.BAD_ENV_VARS, { rule, value: JSON.stringify(valueFrom) });
  });
  const config = {
    ...(variables.length > 0 && {
      write_files: [{ path: '/etc/environment', append: true, content: variables.join('') }],
    }),
    ...(app.command !== '' && { runcmd: [app.command] }),
  };
  return Object.keys(config).length === 0 ? '#cloud-config\n' : `#cloud-config\n${stringify(config)}`;
}

/** The same for a machine wherever it is made; locally administered. */
function macOf(text: string): string {
  const digest = createHash('sha256').update(text).digest('hex');
  return ['02', ...[0, 2, 4, 6, 8].map((at) => digest.slice(at, at + 2))].join(':');
}
