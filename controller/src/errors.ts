import { defineErrors } from '@edgeplane/base';

/**
 * Everything the controller refuses, with the texts of controller spec section 20.1. Clients match on the texts; the
 * gRPC status is ours (the reference always answers UNKNOWN).
 */
export const controllerErrors = defineErrors({
  // Configuration and start.
  LOCAL_ETCD_REFUSED: [
    'INVALID_ARGUMENT',
    'flag --local-etcd is not supported: use --store lmdb:<dir> for a store without a server, or --store etcd:<urls>',
  ],
  INVALID_SETTING: ['INVALID_ARGUMENT', 'flag {flag}: {rule}, but got "{value}"'],
  ACCESS_POLICY_UNREADABLE: ['INVALID_ARGUMENT', 'cannot read access policy {file}: {reason}'],
  ACCESS_POLICY_INVALID: ['INVALID_ARGUMENT', 'access policy {file}: {place} {rule}, but got {value}'],
  ACCESS_POLICY_NEEDS_TLS: [
    'INVALID_ARGUMENT',
    'flag --access-policy: needs --tls, because callers are known by their certificates',
  ],
  NOTIFY_IDENTITY_NEEDS_TLS: [
    'INVALID_ARGUMENT',
    'flag --notify-identity: required needs --tls, because peers are known by their certificates',
  ],
  ACCESS_DENIED: ['PERMISSION_DENIED', '{who} has no grant for {action} on {resource}{org}'],
  VERSION_MISMATCH: [
    'FAILED_PRECONDITION',
    "Running version doesn't match the version of etcd, data mode upgrade required: this controller's data is of version {current} ({currentHash}), {advice}",
  ],
  VERSION_UNKNOWN: [
    'FAILED_PRECONDITION',
    "Failed to ugprade data model: fromVersion {hash} doesn't exist: this controller knows versions up to {current} ({currentHash}); start the newer controller that wrote the data, or name another --store or --region",
  ],
  UPGRADE_FAILED: [
    'FAILED_PRECONDITION',
    'Failed to run {name}: Could not upgrade objects store entries, err: {key}: {reason}; correct or delete the entry, then start the controller with --auto-upgrade again',
  ],
  UPGRADE_CONTROLLERS: [
    'FAILED_PRECONDITION',
    'Data upgrade refused: controllers {addresses} are registered, still after {seconds} s, and may write data of the old version; stop them and start again, or give --force-upgrade if they do not run',
  ],
  SHOW_OPTION_INVALID: ['INVALID_ARGUMENT', 'metadata {name}: {rule}, but got "{value}"'],
  STOPPING: ['UNAVAILABLE', 'the controller is stopping; what it began goes on', 'retryable'],

  // Developer, Operator, Flavor, Cluster.
  DEVELOPER_IN_USE: ['FAILED_PRECONDITION', 'Developer in use by Application'],
  DEVELOPER_IN_USE_BY_CLUSTER_INST: ['FAILED_PRECONDITION', 'Developer in use by ClusterInst {user}'],
  DEVELOPER_IN_USE_BY_APP_INST: ['FAILED_PRECONDITION', 'Developer in use by Application Instance {user}'],
  DEVELOPER_MISSING: [
    'NOT_FOUND',
    'Developer {name} not found; create it first, as this controller runs with --strict-owners',
  ],
  OPERATOR_MISSING: [
    'NOT_FOUND',
    'Operator {name} not found; create it first, as this controller runs with --strict-owners',
  ],
  OPERATOR_RESERVED: ['INVALID_ARGUMENT', 'Cannot create operator with name = developer'],
  OPERATOR_IN_USE: ['FAILED_PRECONDITION', 'Operator in use by Cloudlet'],
  FLAVOR_RAM_ZERO: ['INVALID_ARGUMENT', 'Ram cannot be 0'],
  FLAVOR_VCPUS_ZERO: ['INVALID_ARGUMENT', 'Vcpus cannot be 0'],
  FLAVOR_DISK_ZERO: ['INVALID_ARGUMENT', 'Disk cannot be 0'],
  FLAVOR_UPDATE_IN_USE: [
    'FAILED_PRECONDITION',
    'Update flavor not supported while it is in use, by {kind} {user}',
  ],
  FLAVOR_IN_USE_BY_CLUSTER: ['FAILED_PRECONDITION', 'Flavor in use by Cluster'],
  FLAVOR_IN_USE_BY_APP: ['FAILED_PRECONDITION', 'Flavor in use by App'],
  FLAVOR_IN_USE_BY_APP_INST: ['FAILED_PRECONDITION', 'Flavor in use by App Instance'],
  CLUSTER_NAME_RESERVED: ['INVALID_ARGUMENT', 'Cluster name prefix "autocluster" is reserved'],
  CLUSTER_FLAVOR_MISSING: ['NOT_FOUND', 'default flavor {flavor} not found'],
  CLUSTER_UPDATE_IN_USE: [
    'FAILED_PRECONDITION',
    'Update cluster not supported while it is in use, by ClusterInst {user}',
  ],
  CLUSTER_IN_USE: ['FAILED_PRECONDITION', 'Cluster in use by ClusterInst'],

  // Cloudlet.
  STATIC_IPS_SYNTAX: ['INVALID_ARGUMENT', 'static_ips: element "{element}" {rule}'],
  CLOUDLET_NO_STATIC_IP: [
    'INVALID_ARGUMENT',
    'static_ips: Ip Support Static needs at least one address, but got "{value}"',
  ],
  CLOUDLET_STATIC_IP_IN_USE: [
    'FAILED_PRECONDITION',
    'static_ips: address {address} is in use by ClusterInst {user} and must stay{place}',
  ],
  CLOUDLET_NO_DYNAMIC_IP: ['INVALID_ARGUMENT', 'Must specify at least one dynamic public IP available'],
  CLOUDLET_NO_LOCATION: ['INVALID_ARGUMENT', 'location is missing; 0,0 is not a valid location'],
  CLOUDLET_LATITUDE: ['INVALID_ARGUMENT', 'Invalid latitude value'],
  CLOUDLET_LONGITUDE: ['INVALID_ARGUMENT', 'Invalid longitude value'],
  CLOUDLET_LATITUDE_ZERO: ['INVALID_ARGUMENT', 'Invalid latitude value of 0'],
  CLOUDLET_LONGITUDE_ZERO: ['INVALID_ARGUMENT', 'Invalid longitude value of 0'],
  CLOUDLET_TOO_FEW_IPS: [
    'INVALID_ARGUMENT',
    'Cannot specify less than one dynamic IP unless Ip Support Static is specified',
  ],
  CLOUDLET_IN_USE_BY_APP_INST: ['FAILED_PRECONDITION', 'Cloudlet in use by static Application Instance'],
  CLOUDLET_IN_USE_BY_CLUSTER_INST: ['FAILED_PRECONDITION', 'Cloudlet in use by static Cluster Instance'],
  CLOUDLET_INSTANCE_DELETE_FAILED: [
    'FAILED_PRECONDITION',
    'Failed to delete instances from cloudlet {cloudlet}, {error}',
  ],
  CLOUDLET_NOT_READY: ['FAILED_PRECONDITION', 'Cloudlet {key} not ready, state is {state}'],

  // App.
  PORTS_FORMAT: ['INVALID_ARGUMENT', 'Invalid Access Ports format, expected proto:port but was {text}'],
  PORTS_PROTOCOL: ['INVALID_ARGUMENT', '{protocol} is not a supported Protocol'],
  PORTS_NUMBER: [
    'INVALID_ARGUMENT',
    'Failed to convert port {port} to integer: strconv.ParseInt: parsing "{port}": {reason}',
  ],
  PORTS_RANGE: ['INVALID_ARGUMENT', 'Port {port} out of range'],
  PUBLIC_KEY: ['INVALID_ARGUMENT', '{text}'],
  APP_IMAGE_TYPE: ['INVALID_ARGUMENT', 'unknown image type {type}'],
  APP_DEPLOYMENT: ['INVALID_ARGUMENT', 'invalid deployment, must be one of [kubernetes vm helm docker]'],
  APP_DEPLOYMENT_FOR_IMAGE: ['INVALID_ARGUMENT', 'deployment is not valid for image type'],
  APP_IMAGE_PATH: ['INVALID_ARGUMENT', 'imagepath is required for imagetype IMAGE_TYPE_QCOW'],
  APP_CONFIG_FETCH: ['FAILED_PRECONDITION', 'cannot get config from {url}, {why}'],
  APP_CONFIG_SYNTAX: [
    'INVALID_ARGUMENT',
    'cannot unmarshal json/yaml config str, err {error}, config `{config}`',
  ],
  APP_MANIFEST_FETCH: ['FAILED_PRECONDITION', 'cannot get manifest from {url}, {why}'],
  MANIFEST_SYNTAX: ['INVALID_ARGUMENT', 'invalid deployment manifest, document {number}: {reason}'],
  MANIFEST_EMPTY: ['INVALID_ARGUMENT', 'invalid deployment manifest, it has no YAML document with content'],
  APP_CONFIG_FILE: ['INVALID_ARGUMENT', 'configs[{index}] of kind {kind}: {reason}'],
  APP_CONFIG_COUNT: ['INVALID_ARGUMENT', 'configs: at most {limit} may be URLs, but {fetches} are'],
  APP_GENERATOR_UNKNOWN: ['INVALID_ARGUMENT', 'invalid deployment generator {name}'],
  APP_GENERATOR_POST: ['FAILED_PRECONDITION', 'post {url} failed, {why}'],
  APP_GENERATOR_STATUS: ['FAILED_PRECONDITION', 'expected status ok (200) but got {status}'],
  APP_DEFAULT_GENERATOR: ['INVALID_ARGUMENT', 'failed to use default deployment generator kubernetes, {why}'],
  APP_VM_COMMAND: [
    'INVALID_ARGUMENT',
    'invalid deploymentment manifest both deploymentmanifest and command cannot be used together for VM based deployment',
  ],
  APP_VM_MANIFEST: [
    'INVALID_ARGUMENT',
    "invalid deploymentment manifest only cloud-init script support, must start with '#cloud-config'",
  ],
  APP_ANDROID_PACKAGE: ['ALREADY_EXISTS', 'AndroidPackageName: {name} in use by another app'],
  APP_FLAVOR_MISSING: ['NOT_FOUND', 'Specified flavor not found'],
  APP_IN_USE: ['FAILED_PRECONDITION', 'Application in use by static Application Instance'],
  APP_DEPLOYMENT_IN_USE: [
    'FAILED_PRECONDITION',
    'deployment cannot change from {from} to {to} while AppInst {user} is there',
  ],
  APP_INSTANCE_DELETE_FAILED: ['FAILED_PRECONDITION', 'Failed to delete instances of app {app}, {error}'],

  // ClusterInst.
  DEVELOPER_EMPTY: ['INVALID_ARGUMENT', 'Developer cannot be empty'],
  CLOUDLET_NAME_EMPTY: ['INVALID_ARGUMENT', 'Cloudlet name cannot be empty'],
  OPERATOR_NAME_EMPTY: ['INVALID_ARGUMENT', 'Operator name cannot be empty'],
  CLUSTER_NAME_EMPTY: ['INVALID_ARGUMENT', 'Cluster name cannot be empty'],
  CLUSTER_INST_FOR_VM: [
    'INVALID_ARGUMENT',
    'ClusterInst is not needed for deployment type vm, just create an AppInst directly',
  ],
  CLUSTER_INST_MASTERS: ['INVALID_ARGUMENT', 'NumMasters cannot be greater than 1'],
  CLUSTER_INST_NO_NODES: ['INVALID_ARGUMENT', 'Zero NumNodes not supported yet'],
  CLUSTER_INST_DOCKER_NODES: [
    'INVALID_ARGUMENT',
    'NumMasters and NumNodes not applicable for deployment type docker',
  ],
  CLUSTER_INST_DOCKER_IP: ['INVALID_ARGUMENT', 'IpAccess must be dedicated for deployment type docker'],
  CLUSTER_INST_DEPLOYMENT: ['INVALID_ARGUMENT', 'Invalid deployment type {deployment} for ClusterInst'],
  CLUSTER_INST_CLOUDLET_MISSING: ['NOT_FOUND', 'Specified Cloudlet not found'],
  CLUSTER_INST_NO_CLOUDLET_INFO: [
    'FAILED_PRECONDITION',
    'No resource information found for Cloudlet {{{operator}} {name}}',
  ],
  CLUSTER_INST_NO_FLAVOR: ['INVALID_ARGUMENT', 'No Flavor specified and no default Flavor for Cluster'],
  CLUSTER_INST_FLAVOR_MISSING: ['NOT_FOUND', 'Cluster flavor {flavor} node flavor {} not found'],
  NO_PLATFORM_FLAVOR: [
    'FAILED_PRECONDITION',
    'no suitable platform flavor found for {flavor}, please try a smaller flavor',
  ],
  NO_DYNAMIC_IPS: ['RESOURCE_EXHAUSTED', 'No more dynamic IPs left'],
  NO_STATIC_IPS: [
    'RESOURCE_EXHAUSTED',
    "No more static IPs left: {used} of {total} are in use by clusters, and the first is the shared load balancer's",
  ],
  CAPACITY: ['RESOURCE_EXHAUSTED', 'Not enough resources on cloudlet {cloudlet}: {constraints}'],
  IP_SUPPORT: ['FAILED_PRECONDITION', 'Invalid IpSupport type'],
  CLUSTER_INST_NOTHING_TO_UPDATE: ['INVALID_ARGUMENT', 'nothing specified to update'],
  CLUSTER_INST_FIELDS: ['INVALID_ARGUMENT', 'some specified fields cannot be modified'],
  CLUSTER_INST_SINGLE_NODE: ['FAILED_PRECONDITION', 'cannot modify single node clusters'],
  CLUSTER_INST_NOT_READY: ['FAILED_PRECONDITION', 'cluster is not ready'],
  CLUSTER_INST_IN_USE: ['FAILED_PRECONDITION', 'ClusterInst in use by Application Instance'],
  CLUSTER_INST_REBUILD: [
    'FAILED_PRECONDITION',
    'ClusterInst in use by Application Instance {app}: {field} cannot change from {from} to {to}',
  ],
  CLUSTER_INST_BUSY: ['FAILED_PRECONDITION', 'ClusterInst busy, cannot delete'],
  CLUSTER_INST_NOT_PREPARED: ['ABORTED', 'ClusterInst expected state DELETE_PREPARE'],
  CLUSTER_INST_AUTO_DELETE: [
    'FAILED_PRECONDITION',
    'Failed to auto-delete applications from clusterInst {cluster}, {error}',
  ],

  // AppInst.
  APP_INST_DEVELOPER: [
    'INVALID_ARGUMENT',
    'Developer name mismatch between app: {app} and cluster inst: {cluster}',
  ],
  APP_INST_CLOUDLET_MISSING: ['NOT_FOUND', 'Specified cloudlet not found'],
  APP_INST_APP_MISSING: ['NOT_FOUND', 'Specified app not found'],
  APP_INST_CLUSTER_MISSING: ['NOT_FOUND', 'Specified ClusterInst not found'],
  APP_INST_NO_CLUSTER_NAME: [
    'INVALID_ARGUMENT',
    'No cluster name specified. Create one first or use "autocluster" as the name to automatically create a ClusterInst',
  ],
  APP_INST_URI_REQUIRED: ['INVALID_ARGUMENT', 'URI (Public Fqdn) is required for default cloudlet'],
  APP_INST_URI_REFUSED: ['INVALID_ARGUMENT', 'Cannot specify URI {uri} for non-default cloudlet'],
  APP_INST_FLAVOR_MISSING: ['NOT_FOUND', 'Flavor {flavor} not found'],
  APP_INST_CLUSTER_GONE: ['FAILED_PRECONDITION', 'Cluster instance does not exist for app'],
  APP_INST_CLUSTER_NOT_READY: ['FAILED_PRECONDITION', 'ClusterInst {key} not ready'],
  APP_INST_DEPLOYMENT: ['FAILED_PRECONDITION', 'Cannot deploy {app} App into {cluster} ClusterInst'],
  NO_FREE_PORTS: ['RESOURCE_EXHAUSTED', 'no free external ports'],
  PORT_CONFLICT: [
    'FAILED_PRECONDITION',
    'Port {port}/{protocol} of App {app} is in use on its dedicated cluster by AppInst {user}',
  ],
  UNKNOWN_PROTOCOL: ['INVALID_ARGUMENT', 'Unknown protocol in use for this app'],
  APP_INST_LOCATION: [
    'INVALID_ARGUMENT',
    'Cannot specify cloudlet location fields as they are inherited from specified cloudlet',
  ],
  APP_INST_UPDATE_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'Update app instance not supported yet by the agent of cloudlet {cloudlet}',
  ],
  APP_INST_NOTHING_TO_UPDATE: ['INVALID_ARGUMENT', 'nothing specified to update'],
  APP_INST_FIELDS: [
    'INVALID_ARGUMENT',
    'some specified fields cannot be modified: {fields}; only flavor and configs can',
  ],
  APP_INST_NOT_READY: ['FAILED_PRECONDITION', 'AppInst is not ready, state is {state}'],
  APP_INST_BUSY: ['FAILED_PRECONDITION', 'AppInst busy, cannot delete'],

  // Remote shells.
  EXEC_NO_KEY: ['INVALID_ARGUMENT', 'app_inst_key: must name an AppInst, but is missing'],
  EXEC_NO_OFFER: [
    'INVALID_ARGUMENT',
    'offer: must be a WebRTC session description as JSON, but is empty; edgectl makes one',
  ],
  EXEC_APP_INST_MISSING: ['NOT_FOUND', 'AppInst {key} not found'],
  EXEC_APP_INST_NOT_READY: ['FAILED_PRECONDITION', 'AppInst {key} not ready, state is {state}'],
  EXEC_TOO_MANY: [
    'RESOURCE_EXHAUSTED',
    '{max} offers already wait for the answers of agents at this controller',
    'retryable',
  ],
  EXEC_NOT_HERE: ['UNAVAILABLE', 'no agent of Cloudlet {key} is connected to this controller', 'retryable'],
  EXEC_AGENT_LOST: [
    'UNAVAILABLE',
    'the agent of Cloudlet {key} disconnected before it answered',
    'retryable',
  ],
  EXEC_TIMEOUT: ['DEADLINE_EXCEEDED', 'ExecRequest timed out', 'retryable'],
  EXEC_NO_AGENT: [
    'UNAVAILABLE',
    'no one answered the offer: no agent of Cloudlet {key} is connected, its state is {state}',
    'retryable',
  ],
  EXEC_NO_ANSWER: ['DEADLINE_EXCEEDED', 'no one answered the offer', 'retryable'],
  EXEC_REFUSED: ['FAILED_PRECONDITION', '{text}'],

  // Asking other controllers.
  PEER_SILENT: [
    'DEADLINE_EXCEEDED',
    'controller {controller} did not answer {call} within {ms} ms',
    'retryable',
  ],
  PEER_NOT_WAITED_FOR: ['CANCELLED', 'the answer of controller {controller} was no longer waited for'],

  // Waiting for an agent.
  AGENT_FAILED: ['ABORTED', 'Encountered failures: {errors}'],
  AGENT_TIMEOUT: ['DEADLINE_EXCEEDED', 'Timed out; expected state {wanted} but is {actual}'],
  SUPERSEDED: ['ABORTED', 'Another operation took over; expected state {wanted} but is {actual}'],
});
