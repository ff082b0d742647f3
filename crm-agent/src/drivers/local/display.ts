import { once } from 'node:events';
import { connect } from 'node:net';
import { fail, messageOf } from '@edgeplane/base';
import type { Shell } from '../../exec/shell.js';
import { localErrors } from './errors.js';

/** What asks for the screen of a machine in place of a container. */
export const DISPLAY = 'display';

/** The screen, keyboard and pointer of a machine: its end of VNC, byte for byte. @throws CONSOLE_UNREACHABLE */
export async function openDisplay(id: string, path: string): Promise<Shell> {
  const socket = connect(path);
  await once(socket, 'connect').catch((error: unknown) => {
    throw fail(localErrors.CONSOLE_UNREACHABLE, { id, reason: messageOf(error) }, { cause: error });
  });
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  return {
    input: socket,
    output: socket,
    // The size of a screen is the guest's.
    resize: async () => undefined,
    ended: closed.then(() => ({ code: 0 })),
    close: async () => {
      socket.destroy();
      await closed;
    },
  };
}
