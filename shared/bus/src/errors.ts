import { defineErrors } from '@edgeplane/base';

export const busErrors = defineErrors({
  BUS_SUBJECT: ['INVALID_ARGUMENT', 'bus subject "{subject}": {rule}'],
  BUS_POSITION: [
    'INVALID_ARGUMENT',
    'bus position "{position}": must be one that the bus gave with a message',
  ],
  BUS_TOO_LARGE: [
    'RESOURCE_EXHAUSTED',
    'a message of {bytes} bytes is larger than the {limit} that the bus takes',
  ],
  BUS_UNAVAILABLE: ['UNAVAILABLE', 'bus {bus} is unavailable: {reason}', 'retryable'],
  BUS_CLOSED: ['UNAVAILABLE', 'the bus is closed'],
  BUS_SETTING: ['INVALID_ARGUMENT', '{what}: {rule}, but got "{value}"'],
});
