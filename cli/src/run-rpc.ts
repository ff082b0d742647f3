import type { Metadata } from '@grpc/grpc-js';
import type { Caller } from './caller.js';
import type { Console } from './console.js';
import { type OutputOptions, renderList, renderOne } from './output.js';
import type { Rpc } from './rpc-catalog.js';

const RESULT = 'edgeproto.Result';

/**
 * Makes one call and prints its answer: a unary answer as one document, progress as it comes, any other stream as one
 * list at its end, also when it ends with an error; nothing when it is empty.
 */
export async function runRpc(
  console: Console,
  caller: Caller,
  rpc: Rpc,
  request: unknown,
  output: OutputOptions,
  metadata?: Metadata,
): Promise<void> {
  if (!rpc.stream) {
    const answer = await caller.unary(rpc, request);
    await console.out(renderOne(rpc.response, answer, output));
    return;
  }
  if (rpc.incremental) {
    for await (const message of caller.stream(rpc, request))
      await console.out(renderProgress(rpc, message, output));
    return;
  }
  const messages: unknown[] = [];
  try {
    for await (const message of caller.stream(rpc, request, metadata)) messages.push(message);
  } finally {
    await console.out(renderList(rpc.response, messages, output));
  }
}

/** One line: the text of a Result, or compact JSON when JSON was asked for. */
function renderProgress(rpc: Rpc, message: unknown, output: OutputOptions): string {
  const json = output.format === 'json' || output.format === 'json-compact';
  if (json) return renderOne(rpc.response, message, { ...output, format: 'json-compact' });
  if (rpc.response.name === RESULT) return `${(message as { message: string }).message}\n`;
  return renderOne(rpc.response, message, output);
}
