import { defineErrors } from '@edgeplane/base';

/** What the load balancer may refuse or report. Each text names the public port or the field, the rule and the value. */
export const nginxErrors = defineErrors({
  NGINX_NOT_INSTALLED: [
    'FAILED_PRECONDITION',
    'the load balancer needs Debian packages that are missing: {packages}',
  ],
  BAD_SERVICE: ['INVALID_ARGUMENT', 'public port "{name}": {field} {rule}, but got "{value}"'],
  PORT_CONFLICT: ['ALREADY_EXISTS', 'public port {port} wanted by "{name}" belongs to "{other}"'],
  PORT_TAKEN: ['FAILED_PRECONDITION', 'public port {port} wanted by "{name}" cannot be opened: {reason}'],
  CONFIG_REFUSED: ['INTERNAL', 'nginx refuses the configuration: {reason}'],
  NOT_STARTED: ['UNAVAILABLE', 'nginx does not start: {reason}', 'retryable'],
  NOT_RELOADED: ['UNAVAILABLE', 'nginx does not take the new configuration: {reason}', 'retryable'],
  STOPPED: ['UNAVAILABLE', 'the load balancer is stopped', 'retryable'],
});
