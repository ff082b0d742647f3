import { EdgeplaneError, fail, isDiskFull, messageOf } from '@edgeplane/base';
import { auraeErrors } from './errors.js';
import type { PodHost, PodImage } from './pod-host.js';
import type { ContainerSpec } from './pod-spec.js';

/** Brings the images of containers here. By container name. @throws naming the container's field and image */
export async function fetchImages(
  host: PodHost,
  containers: readonly ContainerSpec[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PodImage>> {
  const images = new Map<string, PodImage>();
  for (const { name, image, pull, digest: wanted } of containers) {
    const found = await host.image({ image, pull }, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw imageFailure(name, image, error);
    });
    if (wanted !== '' && found.digest !== wanted)
      throw fail(auraeErrors.IMAGE_DIFFERS, {
        ...{ field: `container ${name}: image_digest`, image, have: found.digest, wanted },
      });
    images.set(name, found);
  }
  return images;
}

/** Which of the three it is that keeps an image away, by what the registry said. */
function imageFailure(container: string, image: string, error: unknown): unknown {
  if (!(error instanceof EdgeplaneError) || isDiskFull(error)) return error;
  const reason = messageOf(error);
  const values = { field: `container ${container}: image`, image, reason };
  if (/unauthorized|authentication required|access.* denied|\b40[13]\b/i.test(reason))
    return fail(auraeErrors.IMAGE_REFUSED, values, { cause: error });
  if (
    /manifest unknown|name unknown|not found|repository name not known|no registry has|not in local/i.test(
      reason,
    )
  )
    return fail(auraeErrors.IMAGE_UNKNOWN, values, { cause: error });
  return fail(auraeErrors.IMAGE_UNREACHABLE, values, { cause: error });
}
