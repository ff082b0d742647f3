import { diskErrors, type EdgeplaneError, fail, saysDiskFull } from '@edgeplane/base';
import { podmanErrors } from './errors.js';

/** A refusal by podman, and what the call was about. */
export interface ApiFault {
  readonly status: number;
  readonly body: Buffer;
  readonly kind: string;
  readonly name: string;
  readonly image?: string;
  readonly action: string;
}

function reasonOf(body: Buffer): string {
  const text = body.toString();
  try {
    const parsed = JSON.parse(text) as { message?: string; cause?: string; errors?: readonly string[] };
    return parsed.message ?? parsed.cause ?? parsed.errors?.join('; ') ?? text;
  } catch {
    return text.trim();
  }
}

/** There was no room for what podman was to do. */
export function storageFull(action: string, reason: string): EdgeplaneError {
  const path = "podman's storage";
  return fail(diskErrors.DISK_FULL, { path, reason: `podman could not ${action}: ${reason}` });
}

/** Podman's refusal as one of our errors, naming the object. Pure. */
export function apiFailure(fault: ApiFault): EdgeplaneError {
  const { kind, name, action } = fault;
  const reason = reasonOf(fault.body);
  if (saysDiskFull(reason)) return storageFull(action, reason);
  const port = /listen (?:tcp|udp)[46]? \S*:(\d+): bind: address already in use/.exec(reason)?.[1];
  if (port !== undefined) return fail(podmanErrors.PODMAN_PORT_IN_USE, { port, name, reason });
  if (/image not known|no such image/i.test(reason)) {
    const image = fault.image ?? /(\S+): image not known/.exec(reason)?.[1] ?? name;
    return fail(podmanErrors.PODMAN_IMAGE_MISSING, { image, reason });
  }
  const network = /unable to find network with name or ID (\S+):/.exec(reason)?.[1];
  if (network !== undefined) return fail(podmanErrors.PODMAN_NOT_FOUND, { kind: 'network', name: network });
  if (fault.status === 404) return fail(podmanErrors.PODMAN_NOT_FOUND, { kind, name });
  if (fault.status === 409 || /already in use|already exists/.test(reason)) {
    return fail(podmanErrors.PODMAN_CONFLICT, { kind, name, reason });
  }
  return fail(podmanErrors.PODMAN_FAILED, { action, reason });
}
