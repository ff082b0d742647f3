import { readFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCli } from './run-cli.js';

/** A reader that has seen enough, such as `head`, is no fault. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}

function writeTo(stream: Writable): (text: string) => Promise<void> {
  stream.on('error', endQuietly);
  return (chunk) => new Promise((resolve) => stream.write(chunk, () => resolve()));
}

// Warnings about our own libraries' ways are nothing a user could act on.
process.noDeprecation = true;

const status = await runCli(
  process.argv.slice(2),
  {
    out: writeTo(process.stdout),
    err: writeTo(process.stderr),
    read: (path) => (path === '-' ? text(process.stdin) : readFile(path, 'utf8')),
    interactive: process.stdin.isTTY === true,
    streams: { input: process.stdin, output: process.stdout, errors: process.stderr },
  },
  '0.1.0',
);
// All is written by now. What is left of a connection that came to nothing would keep us for half a minute.
process.exit(status);
