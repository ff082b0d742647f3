import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { Scalar } from 'yaml';
import { parseAccessPorts, protoName } from './access-ports.js';
import { dnsName, kubernetesName } from './sanitize.js';
import { yamlText } from './yaml-text.js';

/** Name under which the generator below is recorded in an App. */
export const KUBERNETES_BASIC = 'kubernetes-basic';

/** Secret that holds the credentials of the image registry. */
const PULL_SECRET = 'mexgitlabsecret';

export interface ManifestInput {
  readonly key: AppKey | undefined;
  readonly imagePath: string;
  readonly command: string;
  /** As in the App. */
  readonly accessPorts: string;
}

/**
 * Kubernetes manifest of an App: a Service for its TCP and HTTP ports, one for its UDP ports, and a Deployment
 * (controller spec section 11.4). No text can change the structure.
 * @throws EdgeplaneError PORTS_*
 */
export function generateManifest(input: ManifestInput): string {
  const ports = parseAccessPorts(input.accessPorts);
  const name = input.key?.name ?? '';
  const run = kubernetesName(name);
  const service = (suffix: string, wanted: (proto: LProto) => boolean) => {
    const chosen = ports.filter((p) => wanted(p.proto));
    if (chosen.length === 0) return [];
    return [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: dnsName(`${name}-${suffix}`), labels: { run } },
        spec: {
          type: 'LoadBalancer',
          ports: chosen.map(({ proto, port }) => ({
            name: `${protoName(proto)}${port}`,
            protocol: transport(proto),
            port,
            targetPort: port,
          })),
          selector: { run },
        },
      },
    ];
  };
  const command = words(input.command);
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: dnsName(`${name}-deployment`) },
    spec: {
      selector: { matchLabels: { run } },
      replicas: 1,
      template: {
        metadata: { labels: { run } },
        spec: {
          volumes: null,
          imagePullSecrets: [{ name: PULL_SECRET }],
          containers: [
            {
              name: dnsName(name),
              image: input.imagePath,
              imagePullPolicy: 'Always',
              ports:
                ports.length === 0
                  ? null
                  : ports.map(({ proto, port }) => ({ containerPort: port, protocol: transport(proto) })),
              ...(command.length > 0 && { command }),
            },
          ],
        },
      },
    },
  };
  const documents = [
    ...service('tcp', (proto) => proto !== LProto.L_PROTO_UDP),
    ...service('udp', (proto) => proto === LProto.L_PROTO_UDP),
    deployment,
  ];
  return documents.map(yamlText).join('---\n');
}

function transport(proto: LProto): 'TCP' | 'UDP' {
  return proto === LProto.L_PROTO_UDP ? 'UDP' : 'TCP';
}

/** The words between single blanks, as they are: nothing is unquoted, and two blanks have an empty word between them. */
function words(command: string): Scalar[] {
  if (command === '') return [];
  return command.split(' ').map((word) => {
    const scalar = new Scalar(word);
    scalar.type = Scalar.QUOTE_DOUBLE;
    return scalar;
  });
}
