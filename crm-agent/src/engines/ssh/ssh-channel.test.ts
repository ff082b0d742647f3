/** The channel against a server of the same library, in this process. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Slots } from '@edgeplane/base';
import ssh2, { type Connection } from 'ssh2';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { newKeyPair } from './keys.js';
import { SshChannel } from './ssh-channel.js';

const agent = newKeyPair();
const host = newKeyPair();
const never = new AbortController().signal;

/** Echoes on every socket path but `/refused`; commands print themselves and end with status 3 when they ask to fail. */
async function serve(hostKey = host.privateKey) {
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    connections.add(connection);
    connection.on('error', () => undefined);
    connection.on('close', () => connections.delete(connection));
    const allowed = ssh2.utils.parseKey(agent.publicKey);
    connection.on('authentication', (context) => {
      const known =
        context.method === 'publickey' &&
        !(allowed instanceof Error) &&
        context.key.data.equals(allowed.getPublicSSH());
      if (known) context.accept();
      else context.reject(['publickey']);
    });
    connection.on('ready', () => {
      connection.on('openssh.streamlocal' as 'tcpip', (accept, reject, info) => {
        if ((info as unknown as { socketPath: string }).socketPath === '/refused') return reject();
        const stream = accept();
        stream.pipe(stream);
      });
      connection.on('session', (accept) => {
        accept().on('exec', (acceptExec, _reject, { command }) => {
          const stream = acceptExec();
          stream.write(`ran ${command}`);
          stream.exit(command === 'fail' ? 3 : 0);
          stream.end();
        });
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    target: {
      ...{ host: '127.0.0.1', port, username: 'root' },
      ...{ privateKey: agent.privateKey, hostKey: host.publicKey },
    },
    breakAll: () => {
      for (const connection of connections) connection.end();
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const connection of connections) connection.end();
        server.close(() => resolve());
      }),
  };
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no failure',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

test('carries streams and commands, and comes back after its connection broke', async () => {
  const server = await serve();
  const channel = new SshChannel(server.target);
  try {
    const big = Buffer.alloc(5_000_000, 'x');
    const stream = await channel.openSocket('/run/podman/podman.sock', never);
    stream.end(big);
    assert.is((await text(stream)).length, big.length);
    assert.is(await channel.run('hello', never), 'ran hello');
    assert.match(await reasonOf(channel.run('fail', never)), /fail on node 127.0.0.1 ended with status 3/);
    assert.match(await reasonOf(channel.openSocket('/refused', never)), /refuses a stream to \/refused/);

    // One that is given up unread closes all the same.
    const unread = await channel.openSocket('/a', never);
    unread.write(big);
    await once(unread, 'readable');
    unread.destroy();
    await once(unread, 'close');

    const open = await channel.openSocket('/a', never);
    const closed = once(open, 'close');
    server.breakAll();
    open.resume();
    await closed;
    assert.is(await channel.run('again', never), 'ran again');
  } finally {
    channel.close();
    await server.close();
  }
  assert.match(await reasonOf(channel.run('late', never)), /channel is closed/);
});

test('refuses a server with another host key, and is refused with another key', async () => {
  const server = await serve();
  const stranger = new SshChannel({ ...server.target, hostKey: newKeyPair().publicKey });
  const outsider = new SshChannel({ ...server.target, privateKey: newKeyPair().privateKey });
  try {
    assert.match(await reasonOf(stranger.run('x', never)), /another host key/);
    assert.match(await reasonOf(outsider.run('x', never)), /authentication methods failed/);
  } finally {
    stranger.close();
    outsider.close();
    await server.close();
  }
  assert.match(await reasonOf(new SshChannel(server.target).run('x', never)), /ECONNREFUSED/);
});

test('keys are what other programs take for keys', () => {
  for (let i = 0; i < 300; i++) {
    const { privateKey, publicKey } = newKeyPair();
    const parsed = ssh2.utils.parseKey(privateKey);
    assert.ok(!(parsed instanceof Error), 'the library reads it');
    assert.is(`${parsed.type} ${parsed.getPublicSSH().toString('base64')}`, publicKey);
    assert.ok(parsed.verify('text', parsed.sign('text') as Buffer));
  }
});

test('streams beyond the limit wait, and may stop waiting', async () => {
  const slots = new Slots(1);
  const release = await slots.take(never);
  const stop = new AbortController();
  const given = slots.take(stop.signal);
  const second = slots.take(never);
  stop.abort(new Error('enough'));
  assert.is(await reasonOf(given), 'enough');
  release();
  release();
  (await second)();
  (await slots.take(never))();
});

test.run();
