import { defineErrors } from '@edgeplane/base';

export const qemuErrors = defineErrors({
  vmSpecInvalid: ['INVALID_ARGUMENT', 'VM {id}: {field} must be {rule}, got {value}'],
  vmExists: ['ALREADY_EXISTS', 'VM {id} exists with a different {field}'],
  vmNotFound: ['NOT_FOUND', 'VM {id} not found'],
  vmNotRunning: ['FAILED_PRECONDITION', 'VM {id} is not running'],
  vmRecordBroken: ['DATA_LOSS', 'VM {id}: record {path} cannot be read: {reason}'],
  vmStartFailed: ['INTERNAL', 'VM {id} did not start: {reason}', 'retryable'],
  portInUse: ['FAILED_PRECONDITION', 'VM {id}: host port {port} ({proto}) is in use', 'retryable'],
  socketPathTooLong: [
    'INVALID_ARGUMENT',
    'UNIX socket path {path} is {bytes} bytes long, at most {max} are allowed; choose a shorter state directory',
  ],
  imageNotFound: ['NOT_FOUND', 'image {path} not found'],
  imageInvalid: ['INVALID_ARGUMENT', 'image {path} cannot be used: {reason}'],
  imageDigestMismatch: ['DATA_LOSS', 'image {path}: {algorithm} is {actual}, expected {expected}'],
  imageDownloadFailed: ['UNAVAILABLE', 'image {path} cannot be downloaded: {reason}', 'retryable'],
  imageTooLarge: ['OUT_OF_RANGE', 'image {path} is larger than the limit of {limit} bytes'],
  seedTooLarge: ['OUT_OF_RANGE', 'cloud-init seed is {bytes} bytes long, at most {limit} are allowed'],
  toolMissing: ['FAILED_PRECONDITION', '{command} is not installed; install the Debian package {package}'],
  toolFailed: ['INTERNAL', '{command} failed: {reason}'],
  qmpClosed: ['UNAVAILABLE', 'QMP connection closed: {reason}', 'retryable'],
  qmpTimeout: ['DEADLINE_EXCEEDED', 'QMP command {command} got no answer in {ms} ms', 'retryable'],
  qmpRefused: ['FAILED_PRECONDITION', 'QMP command {command} refused: {class}: {reason}'],
  notReachable: ['DEADLINE_EXCEEDED', '{address} did not answer in {ms} ms: {reason}', 'retryable'],
});
