import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { freePort } from './free-port.js';
import { type ServerProcess, startServer } from './server-process.js';

export interface NatsOptions {
  /** Where JetStream keeps its data; must exist. */
  readonly dir: string;
}

/** A real NATS server with JetStream. */
export interface Nats {
  readonly url: string;
  readonly pid: number;
  /** Kills it (SIGKILL) and resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops it in its tracks (SIGSTOP): connections stay, nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts it again on the same data and port; kills it first when it runs. Resolves when it takes connections. */
  restart(): Promise<void>;
  /** Removes its data while it is down. */
  wipe(): void;
  stop(): Promise<void>;
}

/**
 * Starts a NATS server and waits until it greets.
 * @throws Error naming the Debian package when there is no such program, else the server's last words.
 */
export async function startNats(options: NatsOptions): Promise<Nats> {
  const port = await freePort();
  const store = `${options.dir}/jetstream`;
  const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store];
  let running = await launchReady(args, port);
  const kill = () => running.kill();
  return {
    url: `nats://127.0.0.1:${port}`,
    get pid() {
      return running.child.pid ?? 0;
    },
    kill,
    pause: () => void running.child.kill('SIGSTOP'),
    resume: () => void running.child.kill('SIGCONT'),
    restart: async () => {
      await kill();
      running = await launchReady(args, port);
    },
    wipe: () => rmSync(store, { recursive: true, force: true }),
    stop: kill,
  };
}

function launchReady(args: readonly string[], port: number): Promise<ServerProcess> {
  const serves = () => greets(port);
  return startServer({ command: 'nats-server', args, debianPackage: 'nats-server', serves });
}

/** Whether a server sends its INFO line. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(2000, () => end(false));
    socket.on('error', () => end(false));
    socket.on('data', (chunk) => end(chunk.toString().startsWith('INFO ')));
  });
}
