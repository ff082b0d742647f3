import { fail, messageOf } from '@edgeplane/base';
import { enumProtoName, enumSchema } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import { controllerErrors } from '../errors.js';
import { parseAccessPorts, protoName } from './access-ports.js';
import { generatorConfig } from './app-configs.js';
import { HttpStatusError, isUrl, shownUrl, type TextFetcher } from './fetch-text.js';
import { generateManifest, KUBERNETES_BASIC } from './manifest-generator.js';

/** Which of the two a request sets, and not to nothing. */
export interface Given {
  readonly manifest: boolean;
  readonly generator: boolean;
}

/**
 * Settles manifest and generator of an App (controller spec section 11.3). A manifest that is given always counts: over
 * a generator of an earlier request, which would be asked again otherwise, and over one in the same request unless that
 * makes the same. The generator is recorded only if the manifest is its work.
 * @throws EdgeplaneError APP_MANIFEST_FETCH, APP_GENERATOR_*, APP_DEFAULT_GENERATOR
 */
export async function resolveManifest(app: App, given: Given, fetcher: TextFetcher): Promise<App> {
  const { deploymentManifest: manifest, deploymentGenerator: generator } = app;
  if (generator === '' && manifest === '') {
    return app.deployment === 'kubernetes' ? withDefaultManifest(app, fetcher) : app;
  }
  const own = generator === '' || given.manifest ? await fetchManifest(manifest, fetcher) : undefined;
  const alone = { ...app, deploymentGenerator: '', deploymentManifest: own ?? '' };
  if (own !== undefined && !(generator !== '' && given.generator)) return alone;
  const deploymentManifest = await generate(app, generator, fetcher);
  if (own !== undefined && own.trim() !== deploymentManifest.trim()) return alone;
  return { ...app, deploymentManifest };
}

async function withDefaultManifest(app: App, fetcher: TextFetcher): Promise<App> {
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
    const params = { url: shownUrl(manifest), why: messageOf(error) };
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
    config: generatorConfig(app.configs),
    annotations: app.annotations,
    ports: ports.length > 0 ? ports : null,
  };
  try {
    return await fetcher.post(url, body);
  } catch (error) {
    if (error instanceof HttpStatusError) {
      throw fail(controllerErrors.APP_GENERATOR_STATUS, { status: error.statusLine }, { cause: error });
    }
    const params = { url: shownUrl(url), why: messageOf(error) };
    throw fail(controllerErrors.APP_GENERATOR_POST, params, { cause: error });
  }
}
