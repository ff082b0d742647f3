import { fail } from '@edgeplane/base';
import { busErrors } from './errors.js';

const TOKEN = /^[A-Za-z0-9_-]+$/;

/** @throws EdgeplaneError BUS_SUBJECT unless every token is letters, digits, `-` and `_` */
export function checkSubject(subject: string): void {
  if (!subject.split('.').every((token) => TOKEN.test(token))) {
    throw fail(busErrors.BUS_SUBJECT, {
      subject,
      rule: 'must be tokens of letters, digits, "-" and "_", joined by dots',
    });
  }
}

/** @throws EdgeplaneError BUS_SUBJECT unless {@link subjectMatcher} can read it */
export function checkPattern(pattern: string): void {
  const tokens = pattern.split('.');
  const good = tokens.every((t, i) => TOKEN.test(t) || t === '*' || (t === '>' && i === tokens.length - 1));
  if (!good) {
    throw fail(busErrors.BUS_SUBJECT, {
      subject: pattern,
      rule: 'must be tokens of letters, digits, "-" and "_", or "*" for any one, with ">" at the end for any rest',
    });
  }
}

/** Whether a subject matches a pattern in NATS's way: `*` is one token, `>` at the end is one or more. */
export function subjectMatcher(pattern: string): (subject: string) => boolean {
  checkPattern(pattern);
  const wanted = pattern.split('.');
  const open = wanted.at(-1) === '>';
  const fixed = open ? wanted.slice(0, -1) : wanted;
  return (subject) => {
    const tokens = subject.split('.');
    if (open ? tokens.length <= fixed.length : tokens.length !== fixed.length) return false;
    return fixed.every((token, i) => token === '*' || token === tokens[i]);
  };
}
