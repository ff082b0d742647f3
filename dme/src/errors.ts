import { defineErrors } from '@edgeplane/base';

/** Faults of the match engine; texts follow match engine spec sections 3 and 4. */
export const dmeErrors = defineErrors({
  CLOUDLET_KEY_MISSING: [
    'INVALID_ARGUMENT',
    'flag --cloudlet-key is required: the key of the cloudlet this match engine runs in, such as {"operator_key":{"name":"op"},"name":"site"}',
  ],
  CLOUDLET_KEY_INVALID: ['INVALID_ARGUMENT', 'flag --cloudlet-key: {reason}, but got "{text}"'],
  COOKIE_EXPIRATION_INVALID: [
    'INVALID_ARGUMENT',
    'flag --cookie-expiration: must be at least 1s, but got {ms}ms',
  ],
  NOTIFY_ADDRS_MISSING: ['INVALID_ARGUMENT', 'flag --notify-addrs: must name at least one controller'],
  FLAG_TOO_SMALL: ['INVALID_ARGUMENT', 'flag {flag}: must be a number from {least} up, but got {value}'],
  NATS_URL_INVALID: [
    'INVALID_ARGUMENT',
    'flag --nats-urls: each must be nats://host:port or tls://host:port, but got "{url}"',
  ],
  NATS_CREDS_UNREADABLE: ['INVALID_ARGUMENT', 'flag --nats-creds: {path}: {reason}'],
  CONTROLLER_KEYS_STANDALONE: [
    'INVALID_ARGUMENT',
    'flag --cookie-keys: must be file or vault with --standalone, as there is no controller',
  ],
  CONTROLLER_KEYS_NEED_TLS: [
    'INVALID_ARGUMENT',
    'flag --cookie-keys: controller needs --tls: a controller gives keys only to who proves to be a match engine',
  ],
  VAULT_ADDR_INVALID: ['INVALID_ARGUMENT', 'flag --vault-addr: must be an HTTP URL, but got "{url}"'],
  VAULT_ANSWER: ['UNAVAILABLE', 'Vault at {url}: {reason}', 'retryable'],
  HTTP_FAILED: ['UNAVAILABLE', '{url}: {reason}', 'retryable'],
  KEY_FILE_UNREADABLE: ['FAILED_PRECONDITION', 'cookie key file {path}: {reason}'],

  NO_DEV_NAME: ['INVALID_ARGUMENT', 'DevName cannot be empty'],
  NO_APP_NAME: ['INVALID_ARGUMENT', 'AppName cannot be empty'],
  NO_APP_VERS: ['INVALID_ARGUMENT', 'AppVers cannot be empty'],
  APP_NOT_FOUND: ['NOT_FOUND', 'app not found'],
  APP_KEY_NOT_FOUND: ['NOT_FOUND', 'app not found: {app}'],
  NO_SIGNING_KEY: ['INTERNAL', 'no signing key'],

  NO_AUTH_TOKEN: ['INVALID_ARGUMENT', 'No authtoken received'],
  NO_AUTH_KEY: ['UNAUTHENTICATED', 'No authkey found to validate token'],
  BAD_AUTH_TOKEN: ['UNAUTHENTICATED', 'failed to verify token - {reason}'],
  BAD_COOKIE: ['UNAUTHENTICATED', '{reason}'],

  NO_CARRIER: ['INVALID_ARGUMENT', 'Missing carrierName'],
  NO_GPS_LOCATION: ['INVALID_ARGUMENT', 'Missing GpsLocation'],
  NO_GPS_LOCATION_TO_CHECK: ['INVALID_ARGUMENT', 'Missing GPS location'],
  BAD_GPS_LOCATION: ['INVALID_ARGUMENT', 'Invalid GpsLocation'],
  APP_NOT_PERMITTED: [
    'PERMISSION_DENIED',
    'Access to requested app: Devname: {dev} Appname: {app} AppVers: {vers} not allowed for the registered app: Devname: {ownDev} Appname: {ownApp} Appvers: {ownVers}',
  ],
  TOO_MANY_CANDIDATES: ['INVALID_ARGUMENT', 'max_candidates must be at most {most}, but is {count}'],
  TOO_MANY_SAMPLES: ['INVALID_ARGUMENT', 'samples must be at most {most}, but are {count}'],
  TOO_MANY_WATCHERS: ['RESOURCE_EXHAUSTED', 'there are {most} watching clients already'],
  WORKER_FAILED: ['UNAVAILABLE', 'a worker could not start: {reason}'],
  WORKERS_INVALID: ['INVALID_ARGUMENT', 'flag --workers: must be a number from 1 to {most}, but is {count}'],
  WORKERS_STANDALONE: [
    'INVALID_ARGUMENT',
    'flag --workers: a standalone match engine has one, but got {count}',
  ],
  ENGINE_STOPPING: ['UNAVAILABLE', 'this match engine is stopping'],
  NOT_A_PLATFORM_APP: ['PERMISSION_DENIED', 'API Not allowed for developer: {dev} app: {app}'],
  NO_VERIFY_TOKEN: ['INVALID_ARGUMENT', 'verifyloc token required'],
  CARRIER_NOT_FOUND: ['NOT_FOUND', 'carrier not found for app: {carrier}'],
  NOT_OF_THE_GROUP: ['PERMISSION_DENIED', 'group_cookie: is not of group {group}'],
  USER_DATA_TOO_LONG: [
    'INVALID_ARGUMENT',
    'user_data: must have at most {limit} characters, but has {length}',
  ],
  GROUP_TEXT_TOO_LONG: [
    'INVALID_ARGUMENT',
    'message: must have at most {limit} characters, but has {length}',
  ],
  GROUP_FULL: [
    'RESOURCE_EXHAUSTED',
    'more than {limit} clients would receive group messages here',
    'retryable',
  ],
  STOPPING: ['UNAVAILABLE', 'the match engine is stopping', 'retryable'],
  TOO_MANY_CALLS: [
    'RESOURCE_EXHAUSTED',
    'more than {rate} calls per second reach this match engine: try again later',
    'retryable',
  ],
  TOO_MANY_CALLS_OF_PEER: [
    'RESOURCE_EXHAUSTED',
    'more than {rate} calls per second come from your address: try again later',
    'retryable',
  ],
  TOO_MANY_BAD: [
    'RESOURCE_EXHAUSTED',
    'too many bad cookies or tokens come from your address: register, and try again later',
    'retryable',
  ],
  OVERLOADED_SHED: [
    'UNAVAILABLE',
    'this match engine has more to do than it can: try again later',
    'retryable',
  ],
  OVERLOADED: ['RESOURCE_EXHAUSTED', 'more than {limit} {what} at a time: try again later', 'retryable'],
});
