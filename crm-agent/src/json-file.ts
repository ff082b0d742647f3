import { fail, messageOf, readTextFile } from '@edgeplane/base';
import { agentErrors } from './errors.js';

/** The JSON of a file; undefined when there is no such file. @throws RECORD_BROKEN naming the path. */
export async function readJsonFile(path: string): Promise<unknown> {
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw fail(agentErrors.RECORD_BROKEN, { path, reason: messageOf(error) }, { cause: error });
  }
}
