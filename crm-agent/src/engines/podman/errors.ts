import { defineErrors } from '@edgeplane/base';

/** What the podman engine may refuse or report. Each text names the object; the reason is podman's own where it has one. */
export const podmanErrors = defineErrors({
  PODMAN_NOT_INSTALLED: [
    'FAILED_PRECONDITION',
    'containers need Debian packages that are missing: {packages}{reason}',
  ],
  PODMAN_NO_WORKING_SETUP: ['FAILED_PRECONDITION', 'no way to run containers works on this host: {reasons}'],
  PODMAN_STATE_IN_USE: ['FAILED_PRECONDITION', 'podman state {dir} is in use by process {pid}'],
  PODMAN_UNAVAILABLE: [
    'UNAVAILABLE',
    'the podman service does not answer on {socket}: {reason}',
    'retryable',
  ],
  PODMAN_DEADLINE: [
    'DEADLINE_EXCEEDED',
    'podman gave no answer to "{action}" within {limit} ms',
    'retryable',
  ],
  PODMAN_NOT_FOUND: ['NOT_FOUND', '{kind} "{name}" not found'],
  PODMAN_CONFLICT: ['ABORTED', '{kind} "{name}": {reason}', 'retryable'],
  PODMAN_IMAGE_MISSING: ['NOT_FOUND', 'image "{image}" is not available: {reason}'],
  PODMAN_PULL_STALLED: [
    'UNAVAILABLE',
    'image "{image}": nothing came from its registry for {seconds} s',
    'retryable',
  ],
  PODMAN_BAD_AUTH_FILE: [
    'FAILED_PRECONDITION',
    'file with credentials of registries {file} cannot be used: {reason}',
  ],
  PODMAN_IMAGE_ARCHIVE: ['INVALID_ARGUMENT', 'image archive "{path}" cannot be loaded: {reason}'],
  PODMAN_PORT_IN_USE: [
    'FAILED_PRECONDITION',
    'host port {port} wanted by "{name}" is already in use: {reason}',
  ],
  PODMAN_BAD_SPEC: ['INVALID_ARGUMENT', '{field}: {rule}, but got "{value}"'],
  PODMAN_BAD_MANIFEST: ['INVALID_ARGUMENT', 'manifest of "{name}": {rule}, but got "{value}"'],
  PODMAN_FAILED: ['INTERNAL', 'podman could not {action}: {reason}'],
});
