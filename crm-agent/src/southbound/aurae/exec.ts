import { fail } from '@edgeplane/base';
import type {
  PodExecStart,
  PodExtensionExecRequest,
  PodExtensionExecResponse,
  TerminalSize,
} from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension-service.js';
import type { BidiStreamFunction, RpcContext } from '@edgeplane/rpc';
import { auraeErrors } from './errors.js';
import { containerIn, type ExtensionParts } from './extension-parts.js';
import { bad, checkCount, checkText } from './fields.js';
import type { PodProgram } from './pod-programs.js';

type ExecCall = Parameters<BidiStreamFunction<PodExtensionExecRequest, PodExtensionExecResponse>>[0];

const MOST_WORDS = 1000;
const MOST_CHARACTERS = 1000;

/** Runs a program in a container for as long as the call lasts. */
export async function execInPod(parts: ExtensionParts, call: ExecCall, context: RpcContext): Promise<void> {
  const part = (await firstOf(call))?.part;
  if (part?.$case !== 'start')
    throw bad('start', 'must be the first request of the call', part?.$case ?? 'nothing');
  const program = await startProgram(parts, part.value, context);
  const letGo = feed(call, program);
  const leave = () => void program.close().catch(() => undefined);
  context.signal.addEventListener('abort', leave, { once: true });
  try {
    for await (const { error, data } of program.output) {
      const value = { $case: error ? 'errorOutput' : 'output', value: data } as const;
      await sent(call, { part: value }, context.signal);
    }
    if (context.signal.aborted) return;
    const value = await program.exitCode();
    await sent(call, { part: { $case: 'exitCode', value } }, context.signal);
  } finally {
    context.signal.removeEventListener('abort', leave);
    await program.close();
    await letGo();
  }
}

/** The first request, after which the call stands still; undefined when it ends without one. */
function firstOf(call: ExecCall): Promise<PodExtensionExecRequest | undefined> {
  return new Promise((resolve) => {
    const end = () => resolve(undefined);
    call.once('end', end);
    call.once('data', (request: PodExtensionExecRequest) => {
      call.pause();
      call.removeListener('end', end);
      resolve(request);
    });
  });
}

/**
 * Gives the program what the caller says, one part after the other, until the returned function is called: the caller may keep
 * its side open, and what it still says then goes nowhere.
 */
function feed(call: ExecCall, program: PodProgram): () => Promise<void> {
  let taking: Promise<void> = Promise.resolve();
  const take = (request: PodExtensionExecRequest) => {
    call.pause();
    taking = taken(request, program)
      .catch(() => undefined)
      .then(() => void call.resume());
  };
  const end = () => program.endInput();
  call.on('data', take);
  call.once('end', end);
  call.resume();
  return async () => {
    call.removeListener('data', take);
    call.removeListener('end', end);
    await taking;
  };
}

async function taken({ part }: PodExtensionExecRequest, program: PodProgram): Promise<void> {
  if (part?.$case === 'input') await program.write(part.value);
  else if (part?.$case === 'inputEnd') program.endInput();
  else if (part?.$case === 'size') await program.resize(checkShape('size', part.value));
}

/** @throws BAD_FIELD, NO_POD, NOT_RUNNING; what podman refuses */
async function startProgram(
  { service, programs }: ExtensionParts,
  { podName, containerName, command, terminal }: PodExecStart,
  context: RpcContext,
): Promise<PodProgram> {
  if (command.length === 0) throw bad('start.command', 'must have a program', '');
  checkCount('start.command', command.length, MOST_WORDS);
  for (const [i, word] of command.entries()) checkText(`start.command[${i}]`, word, 128 * 1024);
  const pod = service.podFor(context, podName);
  const container = containerIn(pod, containerName);
  const status = (await service.status(pod)).containers.find((c) => c.name === container);
  if (!status?.pid) throw fail(auraeErrors.NOT_RUNNING, { name: pod.name, container });
  const shape = terminal && checkShape('start.terminal', terminal);
  return programs.run(pod.hostName, container, command, shape, context.signal);
}

function checkShape(field: string, { columns, rows }: TerminalSize): TerminalSize {
  const fits = (n: number) => n >= 1 && n <= MOST_CHARACTERS;
  if (fits(columns) && fits(rows)) return { columns, rows };
  throw bad(field, `must have 1 to ${MOST_CHARACTERS} columns and rows`, `${columns} x ${rows}`);
}

/** Waits until there is room for more, or nobody reads any longer. */
function sent(call: ExecCall, message: PodExtensionExecResponse, signal: AbortSignal): Promise<void> {
  if (signal.aborted || call.write(message)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      call.removeListener('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
