import { fail, isKind, messageOf } from '@edgeplane/base';
import { callFor, type Item, parseApplicationData } from './application-data.js';
import type { Caller } from './caller.js';
import type { Console } from './console.js';
import { cliErrors } from './errors.js';
import type { Rpc } from './rpc-catalog.js';

/** What to do with the objects of a file. */
export interface FileAction {
  readonly action: 'create' | 'delete';
  /** An object that is there already is left as it is, and is no error. */
  readonly ignoreExisting: boolean;
}

const EXISTS = 'Key already exists';
/** Told before {@link EXISTS} of an object whose creation failed: it exists, but is not what was asked for. */
const FAILED_BEFORE = 'Previous create failed';

/** Reads a file whole. @throws EdgeplaneError FILE_UNREADABLE or BAD_DOCUMENT. */
export async function readItems(console: Console, path: string): Promise<readonly Item[]> {
  const name = path === '-' ? 'standard input' : path;
  let text: string;
  try {
    text = await console.read(path);
  } catch (error) {
    throw fail(cliErrors.FILE_UNREADABLE, { path: name, reason: messageOf(error) }, { cause: error });
  }
  return parseApplicationData(name, text);
}

/**
 * Creates objects in order, or deletes them in reverse, with a line of progress each. Stops at the first failure.
 * @throws EdgeplaneError STEP_FAILED naming the call, the server's text, the object and its place in the file.
 */
export async function runItems(
  console: Console,
  caller: Caller,
  rpcs: ReadonlyMap<string, Rpc>,
  items: readonly Item[],
  { action, ignoreExisting }: FileAction,
): Promise<void> {
  for (const item of action === 'create' ? items : [...items].reverse()) {
    const rpc = rpcs.get(callFor(action, item.type));
    if (!rpc) throw new Error(`no call to ${action} ${item.type}`);
    const told: string[] = [];
    try {
      for await (const text of progress(caller, rpc, item.message)) {
        told.push(text);
        await console.out(`${item.label}: ${text}\n`);
      }
      await console.out(`${item.label}: ${action === 'create' ? 'created' : 'deleted'}\n`);
    } catch (error) {
      if (!isKind(error, cliErrors.CALL_FAILED)) throw error;
      const reason = messageOf(error.cause);
      const exists = reason.includes(EXISTS) && !told.some((text) => text.startsWith(FAILED_BEFORE));
      if (!(action === 'create' && ignoreExisting && exists)) {
        const { label, where } = item;
        // The call's own text has more than the server's, such as the address that did not answer.
        const text = error.message.replace(`${rpc.name} failed: `, '');
        throw fail(cliErrors.STEP_FAILED, { rpc: rpc.name, reason: text, label, where }, { cause: error });
      }
      await console.out(`${item.label}: exists\n`);
    }
  }
}

/** Texts of the Results of a call, as they come. */
async function* progress(caller: Caller, rpc: Rpc, request: unknown): AsyncGenerator<string> {
  if (!rpc.stream) {
    const { message } = (await caller.unary(rpc, request)) as { message: string };
    if (message !== '') yield message;
    return;
  }
  for await (const result of caller.stream(rpc, request)) {
    const { message } = result as { message: string };
    if (message !== '') yield message;
  }
}
