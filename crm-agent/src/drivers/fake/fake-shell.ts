import { PassThrough, Writable } from 'node:stream';
import { deferred } from '@edgeplane/base';
import type { ShellEnd, TerminalSize } from '@edgeplane/remote-shell';
import type { Shell, ShellRequest } from '../../exec/shell.js';

const PROMPT = '# ';

/**
 * A shell of nothing but this process: `echo`, `cat`, `stty size`, `hostname`, `true`, `false` and `exit`, with the echo
 * and the line ends of a terminal unless it is plain. Anything else is not found, status 127.
 */
export function openFakeShell(
  name: string,
  { command, plain }: Pick<ShellRequest, 'command' | 'plain'>,
  size: TerminalSize,
): Shell {
  const output = new PassThrough();
  const errors = new PassThrough();
  const ended = deferred<ShellEnd>();
  let current = size;
  let line = '';
  let copying = false;
  let over = false;
  const say = (text: string, to = output) => {
    if (!over) to.write(plain ? text : text.replaceAll('\n', '\r\n'));
  };
  const leave = (end: ShellEnd) => {
    over = true;
    output.end();
    errors.end();
    ended.resolve(end);
  };
  const run = (text: string): number | undefined => {
    const [word = '', ...rest] = text.trim().split(/\s+/);
    if (word === 'exit') {
      leave({ code: Number(rest[0] ?? 0) });
      return undefined;
    }
    if (word === 'cat' && rest.length === 0) {
      copying = true;
      return undefined;
    }
    if (word === 'stty' && rest[0] === 'size') say(`${current.rows} ${current.cols}\n`);
    else if (word === 'echo') say(`${rest.join(' ')}\n`);
    else if (word === 'hostname') say(`${name}\n`);
    else if (word === 'false') return 1;
    else if (word !== '' && word !== 'true') {
      say(`sh: ${word}: not found\n`, plain ? errors : output);
      return 127;
    }
    return 0;
  };
  const prompt = () => {
    if (!plain && !over && !copying) say(PROMPT);
  };
  const endOfInput = () => {
    if (copying && command === '') {
      copying = false;
      prompt();
    } else leave({ code: 0 });
  };
  const type = (char: string) => {
    if (char === '\x04' && line === '') endOfInput();
    else if (char === '\x03') {
      line = '';
      say('^C\n');
      if (copying) leave({ code: 130 });
      else prompt();
    } else if (char === '\x7f') {
      if (line !== '') say('\b \b');
      line = line.slice(0, -1);
    } else if (char === '\r' || char === '\n') {
      if (!plain) say('\n');
      const text = line;
      line = '';
      if (copying) say(`${text}\n`);
      else run(text);
      prompt();
    } else {
      line += char;
      if (!plain) say(char);
    }
  };
  const input = new Writable({
    write(chunk: Buffer, _, done) {
      if (copying && plain && !over) {
        if (output.write(chunk)) done();
        else output.once('drain', () => done());
        return;
      }
      for (const char of chunk.toString()) if (!over) type(char);
      done();
    },
    final(done) {
      if (!over) {
        if (plain && line !== '') type('\n');
        if (!over) endOfInput();
      }
      done();
    },
  });
  if (command === '') prompt();
  else {
    const code = run(command);
    if (code !== undefined) leave({ code });
  }
  return {
    input,
    output,
    ...(plain ? { errors } : {}),
    resize: async (wanted) => {
      current = wanted;
    },
    ended: ended.promise,
    close: async () => leave({ reason: 'closed' }),
  };
}
