import { OBJECTS } from '@edgeplane/objects';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { ClusterRefs } from '@edgeplane/proto/edgeproto/refs.js';
import { bounded, type NodeSize } from './resources.js';

/** Counts an App on a ClusterInst; `size` is its instance's flavor, undefined when that is not known any more. */
export function addApp(refs: ClusterRefs, app: AppKey, size: NodeSize | undefined): ClusterRefs {
  return { ...addSize(refs, size, 1n), apps: [...refs.apps, app] };
}

/** The inverse; nothing changes when the App is not among those counted. */
export function removeApp(refs: ClusterRefs, app: AppKey, size: NodeSize | undefined): ClusterRefs {
  const keyJson = OBJECTS.App.keyJson(app);
  const at = refs.apps.findIndex((key) => OBJECTS.App.keyJson(key) === keyJson);
  if (at < 0) return refs;
  return { ...addSize(refs, size, -1n), apps: refs.apps.filter((_, i) => i !== at) };
}

function addSize(refs: ClusterRefs, size: NodeSize | undefined, times: 1n | -1n): ClusterRefs {
  if (!size) return refs;
  return {
    ...refs,
    usedRam: bounded(refs.usedRam + size.ram * times),
    usedVcores: bounded(refs.usedVcores + size.vcpus * times),
    usedDisk: bounded(refs.usedDisk + size.disk * times),
  };
}
