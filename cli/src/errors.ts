import { defineErrors } from '@edgeplane/base';

/** What edgectl itself refuses; each ends it with status 2, except FILE_UNREADABLE, CALL_FAILED and STEP_FAILED: 1. */
export const cliErrors = defineErrors({
  BAD_FLAG_VALUE: ['INVALID_ARGUMENT', 'Invalid value for --{flag}: {reason}'],
  BAD_FORMAT: ['INVALID_ARGUMENT', 'Invalid value for --output-format: "{value}" (one of {known})'],
  UNKNOWN_OBJECT: ['INVALID_ARGUMENT', 'cannot {verb} "{object}" (one of {known})'],
  FILE_AND_OBJECT: ['INVALID_ARGUMENT', '{verb}: --{flag} is for files, and cannot go with an object'],
  NO_INPUT: [
    'INVALID_ARGUMENT',
    '{verb} needs an object with flags, or -f with a file (- is standard input)',
  ],
  BAD_DOCUMENT: ['INVALID_ARGUMENT', '{where}: {reason}'],
  FILE_UNREADABLE: ['FAILED_PRECONDITION', 'cannot read {path}: {reason}'],
  CALL_FAILED: ['UNKNOWN', '{rpc} failed: {reason}'],
  SHELL_ENDED: ['UNKNOWN', 'the shell was ended: {reason}'],
  STEP_FAILED: ['UNKNOWN', '{rpc} failed: {reason} ({label}, {where})'],
});

/** Ends edgectl with this status and without a word: the command it ran has said what there was to say. */
export class CommandExit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit status ${status}`);
    this.status = status;
  }
}
