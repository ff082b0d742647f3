import { fail, messageOf } from '@edgeplane/base';
import { enumProtoName, enumSchema } from '@edgeplane/objects';
import { type App, ImageType } from '@edgeplane/proto/edgeproto/app.js';
import { parse } from 'yaml';
import { controllerErrors } from '../errors.js';
import { parseAccessPorts, protoName } from './access-ports.js';
import { HttpStatusError, isUrl, type TextFetcher } from './fetch-text.js';
import { generateManifest, KUBERNETES_BASIC } from './manifest-generator.js';
import { dockerName } from './sanitize.js';

export interface FillInOptions {
  readonly fetcher: TextFetcher;
  /** Host of the images of Apps that name none. */
  readonly imageRegistry: string;
}

/**
 * Completes an App: image path, configuration and manifest, fetched or generated (controller spec section 11.3). It may
 * take as long as a fetch does, so it is done before the transaction that stores the App.
 * @throws EdgeplaneError APP_IMAGE_PATH, APP_CONFIG_*, APP_MANIFEST_FETCH, APP_GENERATOR_*, APP_DEFAULT_GENERATOR
 */
export async function fillInApp(app: App, options: FillInOptions): Promise<App> {
  const withImage = { ...app, imagePath: app.imagePath || defaultImagePath(app, options.imageRegistry) };
  const config = await resolveConfig(app.config, options.fetcher);
  return resolveManifest({ ...withImage, config }, options.fetcher);
}

function defaultImagePath(app: App, registry: string): string {
  if (app.imageType === ImageType.IMAGE_TYPE_QCOW) throw fail(controllerErrors.APP_IMAGE_PATH);
  const developer = dockerName(app.key?.developerKey?.name ?? '');
  const path = `${registry}/${developer}/images/${dockerName(app.key?.name ?? '')}`;
  if (app.imageType === ImageType.IMAGE_TYPE_DOCKER) return `${path}:${dockerName(app.key?.version ?? '')}`;
  return app.deployment === 'helm' ? path : 'qcow path not determined yet';
}

async function resolveConfig(config: string, fetcher: TextFetcher): Promise<string> {
  if (config === '') return '';
  let text = config;
  if (isUrl(config)) {
    try {
      text = await fetcher.get(config);
    } catch (error) {
      const params = { url: config, why: messageOf(error) };
      throw fail(controllerErrors.APP_CONFIG_FETCH, params, { cause: error });
    }
  }
  const bad = (error: string) => fail(controllerErrors.APP_CONFIG_SYNTAX, { error, config: text });
  let parsed: unknown;
  try {
    parsed = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw bad(messageOf(error));
  }
  if (parsed === null) return text;
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw bad('expected a mapping');
  const resources = (parsed as Record<string, unknown>)['resources'];
  if (resources !== undefined && resources !== null && typeof resources === 'object') {
    throw bad('resources: expected a text');
  }
  return text;
}

async function resolveManifest(app: App, fetcher: TextFetcher): Promise<App> {
  if (app.deploymentGenerator !== '') {
    return { ...app, deploymentManifest: await generate(app, app.deploymentGenerator, fetcher) };
  }
  if (app.deploymentManifest !== '') {
    return { ...app, deploymentManifest: await fetchManifest(app.deploymentManifest, fetcher) };
  }
  if (app.deployment !== 'kubernetes') return app;
  try {
    const deploymentManifest = await generate(app, KUBERNETES_BASIC, fetcher);
    return { ...app, deploymentGenerator: KUBERNETES_BASIC, deploymentManifest };
  } catch (error) {
    throw fail(controllerErrors.APP_DEFAULT_GENERATOR, { why: messageOf(error) }, { cause: error });
  }
}

async function fetchManifest(manifest: string, fetcher: TextFetcher): Promise<string> {
  if (!isUrl(manifest)) return manifest;
  try {
    return await fetcher.get(manifest);
  } catch (error) {
    const params = { url: manifest, why: messageOf(error) };
    throw fail(controllerErrors.APP_MANIFEST_FETCH, params, { cause: error });
  }
}

async function generate(app: App, generator: string, fetcher: TextFetcher): Promise<string> {
  if (isUrl(generator)) return generateRemotely(app, generator, fetcher);
  if (generator === KUBERNETES_BASIC) return generateManifest(app);
  throw fail(controllerErrors.APP_GENERATOR_UNKNOWN, { name: generator });
}

/** Asks a remote generator (controller spec section 11.5). */
async function generateRemotely(app: App, url: string, fetcher: TextFetcher): Promise<string> {
  const ports = parseAccessPorts(app.accessPorts).map(({ proto, port }) => ({
    Proto: protoName(proto),
    Port: String(port),
  }));
  const body = {
    name: app.key?.name ?? '',
    devname: app.key?.developerKey?.name ?? '',
    version: app.key?.version ?? '',
    imagepath: app.imagePath,
    imagetype: enumProtoName(enumSchema('edgeproto.ImageType'), app.imageType),
    command: app.command,
    config: '',
    annotations: app.annotations,
    ports: ports.length > 0 ? ports : null,
  };
  try {
    return await fetcher.post(url, body);
  } catch (error) {
    if (error instanceof HttpStatusError) {
      throw fail(controllerErrors.APP_GENERATOR_STATUS, { status: error.statusLine }, { cause: error });
    }
    throw fail(controllerErrors.APP_GENERATOR_POST, { url, why: messageOf(error) }, { cause: error });
  }
}
