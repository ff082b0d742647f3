import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { type Clock, messageOf } from '@edgeplane/base';
import { findProgram, lastLine, until } from './commands.js';
import { PROBE_IMAGE, type Scratch } from './probe-scratch.js';
import { type PodmanSettings, SLIRP_MODE } from './settings.js';

interface NetworkProbeOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

const NETWORK = 'edgeplane-probe';
const PORT = 7007;

/**
 * Runs inside the container's network namespace: a TCP and a UDP echo. Busybox has no UDP server, and whether
 * datagrams find their way in and back is half of what the probe asks.
 */
const ECHO = `
const tcp = require('net').createServer((s) => s.on('error', () => {}).pipe(s));
const udp = require('dgram').createSocket('udp4');
udp.on('message', (m, from) => udp.send(m, from.port, from.address));
tcp.listen(${PORT}, '0.0.0.0', () => udp.bind(${PORT}, '0.0.0.0', () => console.log('ready')));
`;

/** Undefined when ports published on 127.0.0.1 work over TCP and UDP, else what failed. */
export async function probeBridge(
  scratch: Scratch,
  settings: PodmanSettings,
  options: NetworkProbeOptions,
): Promise<string | undefined> {
  const made = await scratch.podman(settings, ['network', 'create', NETWORK]);
  if (made.code !== 0) return lastLine(made.stderr);
  try {
    return await probePorts(scratch, settings, NETWORK, options);
  } finally {
    await scratch.podman(settings, ['network', 'rm', '-f', NETWORK]);
  }
}

export async function probeSlirp(
  scratch: Scratch,
  settings: PodmanSettings,
  options: NetworkProbeOptions,
): Promise<string | undefined> {
  if ((await findProgram('slirp4netns')) === undefined) return 'Debian package slirp4netns is not installed';
  return probePorts(scratch, settings, SLIRP_MODE, options);
}

async function probePorts(
  scratch: Scratch,
  settings: PodmanSettings,
  network: string,
  options: NetworkProbeOptions,
): Promise<string | undefined> {
  const port = await freePort();
  const publish = ['tcp', 'udp'].flatMap((proto) => ['-p', `127.0.0.1:${port}:${PORT}/${proto}`]);
  const run = ['run', '-d', '--name', 'ports', '--network', network, ...publish];
  try {
    const started = await scratch.podman(settings, [...run, PROBE_IMAGE, '/busybox', 'sleep', '300']);
    if (started.code !== 0) return lastLine(started.stderr);
    const pid = await scratch.podman(settings, ['inspect', '-f', '{{.State.Pid}}', 'ports']);
    const echo = spawn('nsenter', [`--net=/proc/${pid.stdout.trim()}/ns/net`, process.execPath, '-e', ECHO], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise<void>((resolve) =>
      echo.once('close', () => resolve()).once('error', () => resolve()),
    );
    try {
      const ready = createInterface(echo.stdout)[Symbol.asyncIterator]();
      if ((await ready.next()).done) return 'the echo server did not start in the namespace';
      if (!(await until(options.clock, 3_000, () => tcpEcho(port), options.signal)))
        return 'no answer over TCP';
      if (!(await until(options.clock, 3_000, () => udpEcho(port), options.signal)))
        return 'no answer over UDP';
      return undefined;
    } finally {
      echo.kill('SIGKILL');
      await ended;
    }
  } catch (error) {
    return messageOf(error);
  } finally {
    await scratch.podman(settings, ['rm', '-f', '-t', '0', 'ports']);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export function tcpEcho(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const done = (ok: boolean) => {
      socket.destroy();
      resolve(ok);
    };
    socket.setTimeout(500, () => done(false));
    socket.on('error', () => done(false)).on('close', () => done(false));
    socket.on('connect', () => socket.write('ping')).on('data', () => done(true));
  });
}

export function udpEcho(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    let open = true;
    const done = (ok: boolean) => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      socket.close();
      resolve(ok);
    };
    const timer = setTimeout(() => done(false), 300);
    socket.on('error', () => done(false)).on('message', () => done(true));
    socket.send('ping', port, host, (error) => {
      if (error) done(false);
    });
  });
}
