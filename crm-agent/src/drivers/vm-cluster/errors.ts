import { defineErrors } from '@edgeplane/base';

/** What the driver of VM clusters tells users. */
export const clusterErrors = defineErrors({
  CLUSTERS_UNAVAILABLE: [
    'FAILED_PRECONDITION',
    'this host cannot run clusters of virtual machines: {reason}',
  ],
  NODE_IMAGE_MISSING: [
    'FAILED_PRECONDITION',
    'the image of cluster nodes is not there: {path} cannot be read; deploy/images/node/build.sh makes it, --node-image names its folder',
  ],
  NODE_TOO_SMALL: [
    'FAILED_PRECONDITION',
    'flavor {flavor} has {have} MB of memory, and a node needs at least {need} MB',
  ],
  TOO_MANY_NODES: ['INVALID_ARGUMENT', 'a cluster has at most {max} nodes, but {count} were asked for'],
  NODE_NOT_UP: ['DEADLINE_EXCEEDED', 'node {node} did not come up within {seconds} s: {reason}', 'retryable'],
  NODE_DOWN: ['UNAVAILABLE', 'node {node} of the cluster is down', 'retryable'],
  NO_ROOM: [
    'RESOURCE_EXHAUSTED',
    'no node of the cluster has room for replica {replica} of {app}: it needs {need} MB of memory, and there is free {free}',
  ],
  DEPLOYMENT_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'deployment {deployment} is not supported on platform vm-cluster, must be one of docker, kubernetes, vm',
  ],
  NO_PORTS: ['RESOURCE_EXHAUSTED', 'node {node} has no free port left for {app}'],
});
