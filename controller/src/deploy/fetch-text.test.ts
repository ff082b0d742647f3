import type { LookupAddress } from 'node:dns';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { ManualClock, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTextFetcher, shownUrl, type TextFetcherOptions } from './fetch-text.js';
import { type AddressPolicy, allowLocal, refuseLocal } from './local-addresses.js';

interface Context {
  server: Server;
  port: number;
  requests: { readonly request: IncomingMessage; readonly body: string }[];
}

const fetching = suite<Context>('fetch-text');

const ANSWERS: Readonly<Record<string, RequestListener>> = {
  '/text': (_, response) => response.end('kind: Ä'),
  '/binary': (_, response) => response.end(Buffer.from([0xff, 0xfe])),
  '/gzip': (_, response) => response.setHeader('Content-Encoding', 'gzip').end('x'),
  '/exact': (_, response) => response.end('x'.repeat(512 * 1024)),
  '/large': (_, response) => response.end('x'.repeat(512 * 1024 + 1)),
  '/slow': (_, response) => response.write('half'),
  '/cut': (_, response) => {
    response.setHeader('Content-Length', 100).write('half');
    response.socket?.end();
  },
  '/loop': (_, response) => response.writeHead(302, { Location: '/loop' }).end(),
  '/moved': (_, response) => response.writeHead(301, { Location: '/text' }).end(),
  '/again': (_, response) => response.writeHead(307, { Location: '/text' }).end(),
  '/nowhere': (_, response) => response.writeHead(302).end(),
  '/file': (_, response) => response.writeHead(302, { Location: 'file:///etc/passwd' }).end(),
  '/gone': (_, response) => response.writeHead(410, 'Gone for good').end('a body'),
};

fetching.before(async (context) => {
  context.requests = [];
  context.server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      context.requests.push({ request, body });
      const elsewhere = /^\/to\/(.*)$/.exec(request.url ?? '');
      if (elsewhere) response.writeHead(302, { Location: `http://${elsewhere[1]}` }).end();
      else ANSWERS[request.url ?? '']?.(request, response);
    });
  });
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  context.port = (context.server.address() as AddressInfo).port;
});

fetching.after(async ({ server }) => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A name server that knows these names, and gives the next of their answers each time it is asked. */
function names(table: Readonly<Record<string, readonly (readonly string[])[]>>): LookupFunction {
  const asked = new Map<string, number>();
  return (host, _, callback) => {
    const n = asked.get(host) ?? 0;
    asked.set(host, n + 1);
    const answers = table[host] ?? [];
    const addresses = (answers[n] ?? answers.at(-1) ?? []).map(
      (address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }),
    );
    callback(null, addresses);
  };
}

function fetcher(changes: Partial<TextFetcherOptions> = {}) {
  const signal = new AbortController().signal;
  return createTextFetcher({ clock: systemClock, signal, policy: allowLocal, ...changes });
}

async function outcome(work: Promise<string>): Promise<string> {
  return work.catch((error: Error) => error.message);
}

fetching('the body of a 200 answer, as UTF-8', async ({ port }) => {
  const get = (path: string) => outcome(fetcher().get(`http://127.0.0.1:${port}${path}`));
  assert.is(await get('/text'), 'kind: Ä');
  assert.is((await get('/exact')).length, 512 * 1024);
  assert.is(await get('/large'), 'the answer is larger than 524288 bytes');
  assert.is(await get('/binary'), 'the answer is not UTF-8 text');
  assert.is(await get('/gzip'), 'the answer is encoded as gzip, which was not asked for');
  assert.is(await get('/gone'), 'bad response from remote manifest 410');
  assert.is(await get('/nowhere'), 'bad response from remote manifest 302');
  assert.is(await get('/cut'), 'aborted');
});

fetching('a POST has the JSON, and both names of its type', async ({ port, requests }) => {
  requests.length = 0;
  assert.is(await fetcher().post(`http://127.0.0.1:${port}/text`, { a: 1 }), 'kind: Ä');
  const [only] = requests;
  assert.equal([only?.request.method, only?.body], ['POST', '{"a":1}']);
  assert.equal(
    [only?.request.headers['content-type'], only?.request.headers['context-type']],
    ['application/json', 'application/json'],
  );
  const refused = await fetcher()
    .post(`http://127.0.0.1:${port}/gone`, {})
    .catch((error: { statusLine: string }) => error.statusLine);
  assert.is(refused, '410 Gone for good');
});

fetching('redirects are followed, not for ever, and only to HTTP', async ({ port, requests }) => {
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;
  assert.is(await outcome(fetcher().get(at('/moved'))), 'kind: Ä');
  requests.length = 0;
  assert.is(await outcome(fetcher().get(at('/loop'))), 'more than 5 redirects');
  assert.is(requests.length, 6);
  assert.match(await outcome(fetcher().get(at('/file'))), 'file:// is not fetched from');
  requests.length = 0;
  await fetcher().post(at('/again'), 7);
  await fetcher().post(at('/moved'), 7);
  assert.equal(
    requests.map(({ request, body }) => `${request.method} ${request.url} ${body}`),
    ['POST /again 7', 'POST /text 7', 'POST /moved 7', 'GET /text '],
  );
});

fetching('there is a limit of time, and the controller may stop', async ({ port }) => {
  const clock = new ManualClock();
  const slow = outcome(fetcher({ clock }).get(`http://127.0.0.1:${port}/slow`));
  clock.advance(10_000);
  assert.is(await slow, 'no complete answer within 10 s');
  assert.is(clock.pending, 0);
  const stop = new AbortController();
  const stopped = fetcher({ signal: stop.signal });
  const running = outcome(stopped.get(`http://127.0.0.1:${port}/slow`));
  stop.abort();
  assert.is(await running, 'the controller is stopping');
  assert.is(await outcome(stopped.get(`http://127.0.0.1:${port}/text`)), 'the controller is stopping');
  // A name server that never answers.
  const silent = outcome(fetcher({ clock, lookup: () => undefined }).get('http://a.example/'));
  clock.advance(10_000);
  assert.is(await silent, 'no complete answer within 10 s');
});

const LOCAL: readonly (readonly [host: string, what: string])[] = [
  ['127.0.0.1', '127.0.0.1 is local (loopback)'],
  ['127.255.255.254', '127.255.255.254 is local (loopback)'],
  ['2130706433', '127.0.0.1 is local (loopback)'],
  ['0x7f.1', '127.0.0.1 is local (loopback)'],
  ['0.0.0.0', '0.0.0.0 is local (unspecified)'],
  ['169.254.169.254', '169.254.169.254 is local (link-local)'],
  ['[::1]', '::1 is local (loopback)'],
  ['[::]', ':: is local (unspecified)'],
  ['[fe80::1]', 'fe80::1 is local (link-local)'],
  ['[febf::1]', 'febf::1 is local (link-local)'],
  ['[::ffff:127.0.0.1]', '::ffff:7f00:1 is local (loopback)'],
  ['[::ffff:a9fe:a9fe]', '::ffff:a9fe:a9fe is local (link-local)'],
  ['[::127.0.0.1]', '::7f00:1 is local (unspecified)'],
  ['[fd00:ec2::254]', 'fd00:ec2::254 is local (cloud metadata)'],
];

fetching('local addresses are refused, however they are written', async ({ port, requests }) => {
  requests.length = 0;
  for (const [host, what] of LOCAL) {
    assert.is(
      await outcome(fetcher({ policy: refuseLocal }).get(`http://${host}:${port}/text`)),
      `${what} and fetched from only with --allow-local-fetch`,
    );
  }
  assert.is(requests.length, 0);
  for (const address of [
    '10.0.0.1',
    '192.168.1.1',
    '8.8.8.8',
    '128.0.0.1',
    '169.253.255.255',
    '2001:db8::1',
  ]) {
    assert.is(refuseLocal(address), undefined, address);
  }
});

fetching('so are names of such addresses, also when they change in between', async ({ port, requests }) => {
  requests.length = 0;
  const lookup = names({
    'all.example': [['127.0.0.1', '::1']],
    'none.example': [[]],
    'turning.example': [['127.0.0.2'], ['127.0.0.1']],
    'some.example': [['169.254.1.1', '127.0.0.1']],
  });
  const local = fetcher({ policy: refuseLocal, lookup });
  assert.is(
    await outcome(local.get(`http://all.example:${port}/text`)),
    'all.example at 127.0.0.1 is local (loopback) and fetched from only with --allow-local-fetch',
  );
  assert.is(await outcome(local.get('http://none.example/')), 'none.example has no address');
  assert.match(
    await outcome(fetcher({ policy: refuseLocal }).get('http://localhost:1/')),
    /^localhost at .* is local/,
  );
  assert.is(requests.length, 0);

  // Of several addresses the allowed ones are used; each connection asks once and goes where it was told.
  const second: AddressPolicy = (address) => (address === '127.0.0.1' ? undefined : 'foreign');
  const picky = fetcher({ policy: second, lookup });
  assert.is(await outcome(picky.get(`http://some.example:${port}/text`)), 'kind: Ä');
  assert.match(
    await outcome(picky.get(`http://turning.example:${port}/text`)),
    'at 127.0.0.2 is local (foreign)',
  );
  assert.is(await outcome(picky.get(`http://turning.example:${port}/text`)), 'kind: Ä');
});

fetching('so are redirects to them', async ({ port, requests }) => {
  const policy: AddressPolicy = (address) => (address === '127.0.0.1' ? undefined : refuseLocal(address));
  const lookup = names({ 'inside.example': [['127.0.0.2']] });
  for (const target of ['127.0.0.2', 'inside.example', '169.254.169.254']) {
    requests.length = 0;
    const url = `http://127.0.0.1:${port}/to/${target}:${port}/text`;
    assert.match(await outcome(fetcher({ policy, lookup }).get(url)), /fetched from only with/);
    assert.is(requests.length, 1);
  }
});

fetching('what cannot be reached is said, and passwords are not', async () => {
  assert.match(await outcome(fetcher().get('http://127.0.0.1:1/')), 'ECONNREFUSED');
  assert.match(await outcome(fetcher().get('http://')), 'Invalid URL');
  assert.is(shownUrl('https://me:secret@h:1/p?q=a:b@c'), 'https://me:***@h:1/p?q=a:b@c');
  assert.is(shownUrl('http://h:80/a:b@c'), 'http://h:80/a:b@c');
});

fetching.run();
