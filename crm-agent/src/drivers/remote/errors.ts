import { defineErrors } from '@edgeplane/base';

/** What users are told of infrastructure that is somebody else's. */
export const remoteErrors = defineErrors({
  SILENT: ['UNAVAILABLE', '{peer} does not answer: {reason}', 'retryable'],
  NOT_READY: ['UNAVAILABLE', '{peer} is not ready: {reason}', 'retryable'],
  REFUSED: ['FAILED_PRECONDITION', '{peer} refuses {what}: {reason}'],
  FAILED: ['FAILED_PRECONDITION', '{peer} failed at {what}: {reason}'],
  TOO_SLOW: ['DEADLINE_EXCEEDED', '{peer}: {what} has not come about within {seconds} s; {reason}'],
  LOST: ['FAILED_PRECONDITION', '{peer} lost {what} again and again'],
  DEPLOYMENT_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'deployment {deployment} is not supported on platform {platform}, which makes {known} only',
  ],
  DEVICES_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'flavor {flavor}: devices cannot be asked for on platform {platform}, but it names {devices}',
  ],
  UPDATE_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'on platform {platform} an update changes {changes} only: delete the instance and create it anew',
  ],
  NO_SHELL: ['UNIMPLEMENTED', 'platform {platform} has no way into its instances'],
  NO_ADDRESS: [
    'FAILED_PRECONDITION',
    'port {ports} cannot be opened: no address of {name}, and no port that leads to it, is told by {peer}',
  ],
  INSECURE: [
    'FAILED_PRECONDITION',
    '{peer}: needs a CA to be known by, or the word that it may be spoken to in plain text ({how})',
  ],
  FILE_UNREADABLE: ['FAILED_PRECONDITION', '{what} {path} cannot be read: {reason}'],
  SETTING: ['INVALID_ARGUMENT', '{field}: {rule}, but got "{value}"'],
});
