import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineErrors, type EdgeplaneError, fail, silentLogger } from '@edgeplane/base';
import { FlavorApiClient, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { Metadata } from '@grpc/grpc-js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Admit } from './admit.js';
import { callUnary, connect } from './client.js';
import { serverStream, unary } from './handler.js';
import { RpcServer } from './server.js';

const errors = defineErrors({ WHO: ['UNAUTHENTICATED', 'say who you are'] });
const flavor = { fields: [], key: { name: 'f' }, ram: 0n, vcpus: 0n, disk: 0n, devices: [] };

/** A call of a server with this admission, at this address: the caller's name as the handler finds it, or the status. */
async function call(admit: Admit, address = '127.0.0.1:0'): Promise<string> {
  const server = new RpcServer({ logger: silentLogger, name: 'test', admit });
  const answer = unary((_request: unknown, { metadata }) => ({
    message: String(metadata.get('name')),
    code: 0,
  }));
  server.addService(FlavorApiService, {
    ...{ createFlavor: answer, deleteFlavor: answer, updateFlavor: answer },
    showFlavor: serverStream(async () => undefined),
  });
  const client = connect(FlavorApiClient, await server.listen(address));
  const metadata = new Metadata();
  metadata.set('name', 'somebody');
  try {
    const done = await callUnary(client, 'createFlavor', flavor, { deadlineMs: 20_000, metadata });
    return done.message;
  } catch (error) {
    return (error as EdgeplaneError).status;
  } finally {
    client.close();
    await server.stop();
  }
}

test('a refusal is the answer, a fault is one of ours, and what is let in finds what was left for it', async () => {
  assert.is(
    await call(() => {
      throw fail(errors.WHO);
    }),
    'UNAUTHENTICATED',
  );
  assert.is(
    await call(() => {
      throw new Error('a mistake');
    }),
    'INTERNAL',
  );
  assert.is(await call(({ metadata }) => metadata.set('name', 'the one')), 'the one');
  assert.is(await call(() => undefined), 'somebody');
});

test("a Unix socket is served, is its owner's alone, and goes with the server", async () => {
  const dir = mkdtempSync(join(tmpdir(), 'admit-'));
  const path = join(dir, 'a.sock');
  const modes: number[] = [];
  assert.is(await call(() => void modes.push(statSync(path).mode & 0o777), `unix:${path}`), 'somebody');
  assert.equal(modes, [0o600]);
  assert.throws(() => statSync(path), /ENOENT/);
  rmSync(dir, { recursive: true });
});

test.run();
