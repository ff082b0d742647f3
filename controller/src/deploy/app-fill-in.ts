import { fail } from '@edgeplane/base';
import { type App, ImageType } from '@edgeplane/proto/edgeproto/app.js';
import { controllerErrors } from '../errors.js';
import { checkManifestOf } from './app-checks.js';
import { resolveConfig, resolveConfigFiles } from './app-configs.js';
import { type Given, resolveManifest } from './app-manifest.js';
import type { TextFetcher } from './fetch-text.js';
import { dockerName } from './sanitize.js';

export interface FillInOptions {
  readonly fetcher: TextFetcher;
  /** Host of the images of Apps that name none. */
  readonly imageRegistry: string;
}

/**
 * Completes an App: image path, configuration and manifest, fetched or generated, and checks what came of it (controller
 * spec section 11.3 and 11.1, step 6). It may take as long as a fetch does, so it is done before the transaction that
 * stores the App.
 * @throws EdgeplaneError APP_IMAGE_PATH, APP_CONFIG_*, APP_MANIFEST_FETCH, APP_GENERATOR_*, APP_DEFAULT_GENERATOR,
 * APP_VM_*, MANIFEST_*
 */
export async function fillInApp(app: App, given: Given, options: FillInOptions): Promise<App> {
  const { fetcher, imageRegistry } = options;
  const imagePath = app.imagePath || defaultImagePath(app, imageRegistry);
  const config = await resolveConfig(app.config, fetcher);
  const configs = await resolveConfigFiles(app.configs, fetcher);
  const filled = await resolveManifest({ ...app, imagePath, config, configs }, given, fetcher);
  checkManifestOf(filled);
  return filled;
}

function defaultImagePath(app: App, registry: string): string {
  if (app.imageType === ImageType.IMAGE_TYPE_QCOW) throw fail(controllerErrors.APP_IMAGE_PATH);
  const developer = dockerName(app.key?.developerKey?.name ?? '');
  const path = `${registry}/${developer}/images/${dockerName(app.key?.name ?? '')}`;
  // What is left are charts, which name no version.
  return app.imageType === ImageType.IMAGE_TYPE_DOCKER
    ? `${path}:${dockerName(app.key?.version ?? '')}`
    : path;
}
