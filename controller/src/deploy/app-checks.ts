import { fail } from '@edgeplane/base';
import { enumProtoName, enumSchema, OBJECTS, validateAppKey, validateEnums } from '@edgeplane/objects';
import { type App, ImageType } from '@edgeplane/proto/edgeproto/app.js';
import { controllerErrors } from '../errors.js';
import { DEPLOYMENT_TYPES } from '../names.js';
import { parseAccessPorts } from './access-ports.js';
import { checkManifest } from './manifest.js';
import { KUBERNETES_BASIC } from './manifest-generator.js';
import { checkPublicKey } from './public-key.js';

const VALID_PAIRS: readonly (readonly [ImageType, string])[] = [
  [ImageType.IMAGE_TYPE_DOCKER, 'kubernetes'],
  [ImageType.IMAGE_TYPE_DOCKER, 'docker'],
  [ImageType.IMAGE_TYPE_QCOW, 'vm'],
  [ImageType.IMAGE_TYPE_UNKNOWN, 'helm'],
];

/**
 * Checks an App and settles its deployment (controller spec section 11.1, steps 1 to 4).
 * @throws EdgeplaneError of the catalogue's App part
 */
export function checkApp(app: App): App {
  validateAppKey(app.key);
  validateEnums(OBJECTS.App.schema, app);
  parseAccessPorts(app.accessPorts);
  if (app.authPublicKey !== '') checkPublicKey(app.authPublicKey);
  const deployment = app.deployment || defaultDeployment(app.imageType);
  if (!DEPLOYMENT_TYPES.some((d) => d === deployment)) throw fail(controllerErrors.APP_DEPLOYMENT);
  if (!VALID_PAIRS.some(([image, d]) => image === app.imageType && d === deployment)) {
    throw fail(controllerErrors.APP_DEPLOYMENT_FOR_IMAGE);
  }
  return { ...app, deployment };
}

function defaultDeployment(imageType: ImageType): string {
  switch (imageType) {
    case ImageType.IMAGE_TYPE_DOCKER:
      return 'kubernetes';
    case ImageType.IMAGE_TYPE_QCOW:
      return 'vm';
    default:
      throw fail(controllerErrors.APP_IMAGE_TYPE, {
        type: enumProtoName(enumSchema('edgeproto.ImageType'), imageType),
      });
  }
}

/**
 * Checks a manifest as what its deployment takes it for: a cloud-init document (controller spec section 11.1, step 6) or
 * Kubernetes objects.
 * @throws EdgeplaneError APP_VM_COMMAND, APP_VM_MANIFEST, MANIFEST_SYNTAX, MANIFEST_EMPTY
 */
export function checkManifestOf(app: App): void {
  const { deployment, deploymentManifest: manifest } = app;
  if (manifest === '') return;
  // What our own generator has just made needs no reading.
  if (deployment === 'kubernetes' && app.deploymentGenerator !== KUBERNETES_BASIC) checkManifest(manifest);
  if (deployment !== 'vm') return;
  if (app.command !== '') throw fail(controllerErrors.APP_VM_COMMAND);
  if (!manifest.startsWith('#cloud-config')) throw fail(controllerErrors.APP_VM_MANIFEST);
}
