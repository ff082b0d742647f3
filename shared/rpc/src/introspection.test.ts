import { type EdgeplaneError, silentLogger } from '@edgeplane/base';
import { FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { Client, type ServiceDefinition } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from './client.js';
import { serverStream, unary } from './handler.js';
import { coreDescriptorSet, splitDescriptorSet } from './reflection.js';
import { RpcServer } from './server.js';
import { fromServiceError } from './service-error.js';

function makeServer() {
  const server = new RpcServer({ logger: silentLogger, name: 'test' });
  const answer = unary(async () => ({ message: '', code: 0 }));
  server.addService(FlavorApiService, {
    createFlavor: answer,
    deleteFlavor: answer,
    updateFlavor: answer,
    showFlavor: serverStream(async () => undefined),
  });
  return server;
}

const health = healthService as unknown as ServiceDefinition;

function check(client: Client, service: string): Promise<string> {
  const method = health['Check'] ?? assert.unreachable();
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method?.path ?? '',
      (value: unknown) => method?.requestSerialize(value) ?? Buffer.alloc(0),
      (bytes: Buffer) => method?.responseDeserialize(bytes) as { status: string },
      { service },
      (error, response) => {
        if (error) reject(fromServiceError(error));
        else resolve(response?.status ?? '');
      },
    );
  });
}

test('health: every service serves once listening; unknown ones are not found', async () => {
  const server = makeServer();
  const client = connect(Client, await server.listen('127.0.0.1:0'));
  assert.is(await check(client, ''), 'SERVING');
  assert.is(await check(client, 'edgeproto.FlavorApi'), 'SERVING');
  try {
    await check(client, 'edgeproto.Nothing');
    assert.unreachable();
  } catch (error) {
    assert.is((error as EdgeplaneError).status, 'NOT_FOUND');
  }
  client.close();
  await server.stop();
});

test('health: watchers hear of the stop and do not delay it', async () => {
  const server = makeServer();
  const client = connect(Client, await server.listen('127.0.0.1:0'));
  const method = health['Watch'];
  assert.ok(method);
  const seen: string[] = [];
  const call = client.makeServerStreamRequest(
    method?.path ?? '',
    (value: unknown) => method?.requestSerialize(value) ?? Buffer.alloc(0),
    (bytes: Buffer) => method?.responseDeserialize(bytes) as { status: string },
    { service: 'edgeproto.FlavorApi' },
  );
  const serving = new Promise<void>((resolve) => {
    call.on('data', (response: { status: string }) => {
      seen.push(response.status);
      resolve();
    });
  });
  const ended = new Promise<void>((resolve) => call.on('end', resolve));
  await serving;
  await server.stop(60_000);
  await ended;
  assert.equal(seen, ['SERVING', 'NOT_SERVING']);
  client.close();
});

/** `tag length value` of one length-delimited protobuf field. */
function field(no: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([no * 8 + 2, bytes.length]), bytes]);
}

/** Asks a server's reflection one question, as bytes. */
function reflect(client: Client, version: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
    );
    call.on('data', (bytes: Buffer) => {
      resolve(bytes);
      call.end();
    });
    call.on('error', reject);
    call.write(request);
  });
}

test('reflection lists what is served, and describes it', async () => {
  const server = makeServer();
  const client = connect(Client, await server.listen('127.0.0.1:0'));
  for (const version of ['v1', 'v1alpha']) {
    const services = await reflect(client, version, field(7, '*'));
    assert.ok(services.includes('edgeproto.FlavorApi'));
    assert.not.ok(services.includes('edgeproto.AppApi'), 'not served here');
    const described = await reflect(client, version, field(4, 'edgeproto.FlavorApi'));
    assert.ok(described.includes('CreateFlavor'));
    assert.ok(described.includes('edgeproto/flavor.proto'));
    const message = await reflect(client, version, field(4, 'edgeproto.AppInst'));
    assert.ok(message.includes('mapped_ports'));
    assert.ok((await reflect(client, version, field(4, 'edgeproto.Nothing'))).includes('not found'));
  }
  client.close();
  await server.stop();
});

test('a descriptor set is split into its files, and anything else refused', () => {
  const files = splitDescriptorSet(coreDescriptorSet());
  assert.ok(files.some((file) => file.includes('edgeproto/notice.proto')));
  assert.equal(splitDescriptorSet(new Uint8Array(0)), []);
  for (const bad of ['0a', '0a05', '0801', '0affffffffff'])
    assert.throws(() => splitDescriptorSet(Buffer.from(bad, 'hex')), 'not a descriptor set');
});

test.run();
