import { fail } from '@edgeplane/base';
import { busErrors } from './errors.js';

/** Where a message is: its number in a stream, and which stream that is. */
export interface Position {
  /** Differs between streams of different lives. */
  readonly stream: string;
  readonly seq: number;
}

export function formatPosition({ stream, seq }: Position): string {
  return `${stream}-${seq}`;
}

/** @throws EdgeplaneError BUS_POSITION */
export function parsePosition(text: string): Position {
  const match = /^([a-z0-9]{1,32})-(\d{1,15})$/.exec(text);
  if (!match?.[1]) throw fail(busErrors.BUS_POSITION, { position: text.slice(0, 100) });
  return { stream: match[1], seq: Number(match[2]) };
}

/** Whether whoever is at `position` has come as far as `target`; true when one of them is of a bus that is no more. */
export function reaches(position: string, target: string): boolean {
  const [at, to] = [parsePosition(position), parsePosition(target)];
  return at.stream !== to.stream || at.seq >= to.seq;
}
