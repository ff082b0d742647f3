import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

const SCHEME = 'unix:';
/** Only its owner may connect. */
const OWNER_ONLY = 0o177;

/** The path of an address such as `unix:/run/agent.sock`; undefined of other addresses. */
export function unixPath(address: string): string | undefined {
  return address.startsWith(SCHEME) ? address.slice(SCHEME.length) : undefined;
}

/**
 * Listens on a Unix socket that nobody but this user can open. A socket that a dead process left is taken over; one that
 * answers is not. Rejects with the system's error. The file goes when the server closes.
 */
export async function listenOnUnixSocket(path: string, take: (socket: Socket) => void): Promise<Server> {
  try {
    return await bind(path, take);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await isAnswered(path))) throw error;
    rmSync(path, { force: true });
    return bind(path, take);
  }
}

function bind(path: string, take: (socket: Socket) => void): Promise<Server> {
  const server = createServer(take);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(OWNER_ONLY);
    try {
      // Binds before it returns, so the file has never had another mode.
      server.listen(path, () => {
        server.removeListener('error', reject);
        resolve(server);
      });
    } finally {
      process.umask(before);
    }
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => done(true));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code !== 'ECONNREFUSED'));
  });
}
