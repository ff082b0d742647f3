// test: timeout=180s serial
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer as createHttpServer,
  get,
  type Server as HttpServer,
  type IncomingMessage,
} from 'node:http';
import { get as httpsGet } from 'node:https';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, sleep, systemClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listCommandLines } from '../process/index.js';
import { isMaster, membersIn } from './members.js';
import { LOCAL, testService, withBalancer } from './testing.js';

const closers: (() => void)[] = [];
test.after.each(() => {
  for (const close of closers.splice(0)) close();
});

const portOf = (server: Server | HttpServer) => (server.address() as AddressInfo).port;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOCAL);
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A TCP server that says its name and then what it hears. */
async function echoServer(name: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name}\n`);
    socket.pipe(socket);
  }).listen(0, LOCAL);
  await once(server, 'listening');
  closers.push(() => server.close());
  return portOf(server);
}

async function webServer(name: string): Promise<number> {
  const server = createHttpServer((request, response) => {
    const { host, connection, cookie } = request.headers;
    const via = request.headers['x-forwarded-for'];
    const prefix = request.headers['x-forwarded-prefix'];
    if (request.url === '/away') response.writeHead(302, { location: '/login', 'set-cookie': 'a=b; Path=/' });
    response.end(JSON.stringify({ name, url: request.url, host, via, prefix, connection, cookie }));
  }).listen(0, LOCAL);
  server.on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  await once(server, 'listening');
  closers.push(() => server.close());
  return portOf(server);
}

/** Answers each datagram with its name and where it came from. */
async function datagramServer(name: string): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (_, { port, address }) => socket.send(name, port, address));
  socket.bind(0, LOCAL);
  await once(socket, 'listening');
  closers.push(() => socket.close());
  return socket.address().port;
}

/** The first line that a server says; rejects when there is none. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, LOCAL);
    socket.once('data', (data) => resolve(data.toString().trim()));
    socket.once('close', () => reject(new Error('closed')));
    socket.once('error', reject);
    socket.setTimeout(20_000, () => socket.destroy());
    socket.once('data', () => socket.destroy());
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function page(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get({ host: LOCAL, port, path, agent: false, headers, timeout: 20_000 }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

const refusedAt = async (port: number) =>
  assert.match(await greeting(port).then(() => 'answered', messageOf), 'ECONNREFUSED');

const rejects = async (work: Promise<unknown>, text: RegExp | string) =>
  assert.match(await work.then(() => 'done', messageOf), text);

test('a port is served while it leads somewhere, and nothing runs for none', async () => {
  await withBalancer(async (balancer, _, dir) => {
    assert.is(balancer.pid, undefined);
    const [port, one, two] = [await freePort(), await echoServer('one'), await echoServer('two')];
    await balancer.ensure(testService('tcp', port, { backends: [one] }));
    assert.is(await greeting(port), 'one');
    await balancer.ensure(testService('tcp', port, { backends: [two] }));
    assert.is(await greeting(port), 'two');
    await balancer.ensure(testService('tcp', port));
    await refusedAt(port);
    await balancer.ensure(testService('tcp', port, { backends: [one] }));
    await balancer.remove('tcp');
    await balancer.remove('tcp');
    await refusedAt(port);
    assert.equal(await membersIn(dir), []);
    assert.equal(balancer.list(), []);
  });
});

test('a backend that does not answer is left out', async () => {
  await withBalancer(async (balancer) => {
    const [port, dead, alive] = [await freePort(), await freePort(), await echoServer('alive')];
    await balancer.ensure(testService('tcp', port, { backends: [dead, alive] }));
    for (let i = 0; i < 10; i++) assert.is(await greeting(port), 'alive');
  });
});

test('paths of a port lead to services that see their own paths', async () => {
  await withBalancer(async (balancer) => {
    const port = await freePort();
    const [one, two] = [await webServer('one'), await webServer('two')];
    const http = (name: string, pathPrefix: string, backends: number[]) =>
      balancer.ensure(testService(name, port, { proto: 'http', pathPrefix, backends }));
    await Promise.all([
      http('1', 'dev/app10/p80', [one]),
      http('2', 'dev/app10/p80/v2', [two]),
      http('3', 'none', []),
    ]);
    const seen = JSON.parse((await page(port, '/dev/app10/p80/a/b?c=d', { host: 'edge.example:1' })).body);
    assert.equal(seen, {
      ...{ name: 'one', url: '/a/b?c=d', host: 'edge.example:1', via: LOCAL },
      ...{ prefix: '/dev/app10/p80', connection: 'close' },
    });
    assert.is(JSON.parse((await page(port, '/dev/app10/p80/v2/')).body).name, 'two');
    const proxied = await page(port, '/dev/app10/p80/', { 'x-forwarded-for': '1.2.3.4' });
    assert.is(JSON.parse(proxied.body).via, `1.2.3.4, ${LOCAL}`);
    assert.is((await page(port, '/none/x')).status, 503);
    assert.is((await page(port, '/nobody')).status, 404);
    const bare = await page(port, '/dev/app10/p80');
    assert.equal([bare.status, bare.headers.location], [301, '/dev/app10/p80/']);
    const { headers } = await page(port, '/dev/app10/p80/away');
    assert.is(headers.location, '/dev/app10/p80/login');
    assert.equal(headers['set-cookie'], ['a=b; Path=/dev/app10/p80/']);

    const socket = connect(port, LOCAL);
    socket.write('GET /dev/app10/p80/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    assert.match(String((await once(socket, 'data'))[0]), '101 Switching Protocols');
    socket.write('ping');
    assert.is(String((await once(socket, 'data'))[0]), 'ping');
    socket.destroy();
  });
});

test('with a certificate the path port speaks TLS', async () => {
  const files = mkdtempSync(join(tmpdir(), 'edgeplane-tls-'));
  try {
    const [key, certificate] = [join(files, 'a key.pem'), join(files, 'cert.pem')];
    const asked = ['-subj', '/CN=edge', '-days', '2', '-keyout', key, '-out', certificate];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...asked], { stdio: 'ignore' });
    await withBalancer(
      async (balancer) => {
        const [port, web] = [await freePort(), await webServer('web')];
        await balancer.ensure(testService('http', port, { proto: 'http', pathPrefix: 'p', backends: [web] }));
        const options = { host: LOCAL, port, path: '/p/x', agent: false, rejectUnauthorized: false };
        const [response] = (await once(httpsGet(options), 'response')) as [IncomingMessage];
        assert.is(JSON.parse(await text(response)).url, '/x');
        assert.is((await page(port, '/p/x')).status, 400);
      },
      { certificate, key },
    );
  } finally {
    rmSync(files, { recursive: true, force: true });
  }
});

test('reloads drop nothing', async () => {
  await withBalancer(async (balancer) => {
    const [tcp, http, udp, other] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const [echo, web] = [await echoServer('echo'), await webServer('web')];
    const datagrams = [await datagramServer('first'), await datagramServer('second')];
    await Promise.all([
      balancer.ensure(testService('tcp', tcp, { backends: [echo] })),
      balancer.ensure(testService('http', http, { proto: 'http', pathPrefix: 'p', backends: [web] })),
      balancer.ensure(testService('udp', udp, { proto: 'udp', backends: datagrams })),
    ]);
    let over = false;
    const counts = { bytes: 0, pages: 0, datagrams: 0 };
    const transfer = async () => {
      const socket = connect(tcp, LOCAL);
      await once(socket, 'data');
      let broken = false;
      socket.once('close', () => (broken = true));
      while (!over) {
        const chunk = Buffer.alloc(50_000, 'x');
        let heard = 0;
        const whole = new Promise<void>((resolve, reject) => {
          socket.once('close', () => reject(new Error('a transfer was cut')));
          socket.on('data', (data) => {
            heard += data.length;
            if (heard === chunk.length) resolve();
          });
        });
        socket.write(chunk);
        await whole;
        socket.removeAllListeners('data').removeAllListeners('close');
        socket.once('close', () => (broken = true));
        counts.bytes += heard;
        await sleep(systemClock, 5);
      }
      assert.not(broken);
      socket.destroy();
    };
    const requests = async () => {
      while (!over) {
        assert.is((await page(http, '/p/')).status, 200);
        counts.pages++;
      }
    };
    const client = createSocket('udp4');
    closers.push(() => client.close());
    const heard = new Set<string>();
    client.on('message', (message) => {
      heard.add(message.toString());
      counts.datagrams++;
    });
    const speak = async () => {
      while (!over) {
        client.send('x', udp, LOCAL);
        await sleep(systemClock, 10);
      }
    };
    const traffic = [transfer(), transfer(), requests(), requests(), speak()];
    const pid = balancer.pid;
    for (let i = 0; i < 20; i++) {
      const backends = i % 2 === 0 ? [echo] : [];
      await balancer.ensure(testService('other', other, { backends }));
      if (i % 2 === 0) assert.is(await greeting(other), 'echo');
      else await refusedAt(other);
    }
    over = true;
    await Promise.all(traffic);
    assert.is(balancer.pid, pid);
    assert.ok(counts.bytes > 0 && counts.pages > 20 && counts.datagrams > 20, JSON.stringify(counts));
    assert.is(heard.size, 1, 'one client, one backend');
  });
});

test('of changes made together one that cannot be is refused by itself', async () => {
  await withBalancer(async (balancer) => {
    const [port, second, echo] = [await freePort(), await freePort(), await echoServer('echo')];
    const taken = await echoServer('taken');
    const good = balancer.ensure(testService('good', port, { backends: [echo] }));
    const refused = rejects(
      balancer.ensure(testService('bad', taken, { backends: [echo] })),
      new RegExp(
        `^public port tcp 127.0.0.1:${taken} wanted by "bad" cannot be opened: held by ".+" \\(process ${process.pid}\\)$`,
      ),
    );
    const twice = rejects(
      balancer.ensure(testService('twice', port, { backends: [echo] })),
      `public port tcp 127.0.0.1:${port} wanted by "twice" belongs to "good"`,
    );
    const also = balancer.ensure(testService('also', second, { backends: [echo] }));
    await Promise.all([good, refused, twice, also]);
    assert.is(await greeting(port), 'echo');
    assert.is(await greeting(second), 'echo');
    assert.equal(
      balancer.list().map(({ service }) => service.name),
      ['good', 'also'],
    );
    // What is refused as a change leaves the former service as it was.
    await rejects(balancer.ensure(testService('good', taken, { backends: [echo] })), 'cannot be opened');
    assert.is(await greeting(port), 'echo');
  });
});

test('it outlives its owner, is taken over, and comes back when it dies', async () => {
  await withBalancer(async (balancer, open, dir) => {
    const [port, lost, echo] = [await freePort(), await freePort(), await echoServer('echo')];
    await balancer.ensure(testService('tcp', port, { backends: [echo] }));
    await balancer.ensure(testService('lost', lost, { backends: [echo] }));
    const { pid } = balancer;
    await balancer.stop('keep');
    await rejects(balancer.ensure(testService('late', port)), 'the load balancer is stopped');
    assert.is(await greeting(port), 'echo');

    // A crash between file and memory of the services: what is remembered counts.
    const services = JSON.parse(readFileSync(join(dir, 'services.json'), 'utf8'));
    writeFileSync(join(dir, 'services.json'), JSON.stringify(services.slice(0, 1)));
    const again = await open();
    assert.is(again.pid, pid);
    assert.equal(again.list(), [{ service: services[0] }]);
    assert.is(await greeting(port), 'echo');
    await refusedAt(lost);

    const old = connect(port, LOCAL);
    await once(old, 'data');
    process.kill(pid ?? 0, 'SIGKILL');
    while (again.pid === pid || !(await greeting(port).then(Boolean, () => false)))
      await sleep(systemClock, 50);
    old.write('still here');
    assert.is(String((await once(old, 'data'))[0]), 'still here');
    old.destroy();

    await again.stop('stop');
    assert.equal(await membersIn(dir), []);
    const third = await open();
    assert.is(await greeting(port), 'echo');
    await third.remove('tcp');
    assert.not(existsSync(join(dir, 'nginx.conf')));
  });
});

test('a master that is killed while nobody looks leaves its ports to nobody, until the next owner serves them', async () => {
  await withBalancer(async (balancer, open, dir) => {
    const [port, echo] = [await freePort(), await echoServer('echo')];
    await balancer.ensure(testService('tcp', port, { backends: [echo] }));
    const { pid = 0 } = balancer;
    await balancer.stop('keep');
    const old = connect(port, LOCAL);
    await once(old, 'data');
    process.kill(pid, 'SIGKILL');
    const orphans = async () => (await membersIn(dir)).filter((member) => !isMaster(member));
    while ((await membersIn(dir)).some(isMaster)) await sleep(systemClock, 5);
    assert.ok((await orphans()).length > 0, 'its workers are there');
    const thief = createServer().listen(port, LOCAL);
    const [refused] = (await once(thief, 'error')) as [NodeJS.ErrnoException];
    assert.is(refused.code, 'EADDRINUSE');
    assert.is(await greeting(port), 'echo', 'and serve');

    const again = await open();
    assert.not(again.pid === pid);
    assert.is(again.list()[0]?.fault, undefined);
    assert.is(await greeting(port), 'echo');
    old.write('still here');
    assert.is(String((await once(old, 'data'))[0]), 'still here');
    const workers = (await orphans()).length;
    old.destroy();
    // The worker of the one before, which waited for that connection only.
    while ((await orphans()).length >= workers) await sleep(systemClock, 20);
  });
});

test('a remembered port that is taken meanwhile is a fault, and served once it is free', async () => {
  await withBalancer(async (balancer, open) => {
    const [port, second, echo] = [await freePort(), await freePort(), await echoServer('echo')];
    await balancer.ensure(testService('tcp', port, { backends: [echo] }));
    await balancer.ensure(testService('more', second, { backends: [echo] }));
    await balancer.stop('stop');
    const thief = createServer().listen(port, LOCAL);
    await once(thief, 'listening');
    const again = await open();
    assert.match(again.list()[0]?.fault ?? '', /^held by ".+" \(process \d+\)$/);
    assert.is(again.list()[1]?.fault, undefined);
    assert.is(await greeting(second), 'echo');
    thief.close();
    while (again.list()[0]?.fault) await sleep(systemClock, 50);
    assert.is(await greeting(port), 'echo');
  });
});

test('nginxes elsewhere are none of its business', async () => {
  await withBalancer(async (one) => {
    await withBalancer(async (two, _, dir) => {
      const [first, second, echo] = [await freePort(), await freePort(), await echoServer('echo')];
      await one.ensure(testService('tcp', first, { backends: [echo] }));
      await two.ensure(testService('tcp', second, { backends: [echo] }));
      await two.stop('stop');
      assert.equal(await membersIn(dir), []);
      assert.is(await greeting(first), 'echo');
      await refusedAt(second);
    });
    assert.ok((await listCommandLines()).some(({ pid }) => pid === one.pid));
  });
});

test.run();
