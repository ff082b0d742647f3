import { DESCRIPTOR_SET_BASE64 } from '@edgeplane/proto/descriptor-set.js';
import type { handleBidiStreamingCall, MethodDefinition, Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];

/** One method of the library's. */
interface Loaded {
  readonly method: MethodDefinition<unknown, unknown>;
  readonly handle: handleBidiStreamingCall<unknown, unknown>;
}

const VERSIONS = ['v1', 'v1alpha'];

/** FileDescriptorSet of the core APIs. */
export function coreDescriptorSet(): Uint8Array {
  return Buffer.from(DESCRIPTOR_SET_BASE64, 'base64');
}

/**
 * Adds server reflection (v1 and v1alpha) that lists `services`, full names found in the descriptor sets. Most servers are
 * never asked, and what the library makes of the sets takes more memory than all of our own code: it is made for the first
 * call.
 */
export function addReflection(
  server: Server,
  services: readonly string[],
  descriptorSets: readonly Uint8Array[],
): void {
  let loaded: ReadonlyMap<string, Loaded> | undefined;
  for (const version of VERSIONS) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const load = (): Loaded => {
      loaded ??= loadReflection(services, descriptorSets);
      const found = loaded.get(path);
      if (!found) throw new Error(`@grpc/reflection does not serve ${path}`);
      return found;
    };
    const method: MethodDefinition<unknown, unknown> = {
      ...{ path, requestStream: true, responseStream: true },
      requestSerialize: (value) => load().method.requestSerialize(value),
      requestDeserialize: (bytes) => load().method.requestDeserialize(bytes),
      responseSerialize: (value) => load().method.responseSerialize(value),
      responseDeserialize: (bytes) => load().method.responseDeserialize(bytes),
    };
    const handle: handleBidiStreamingCall<unknown, unknown> = (call) => load().handle(call);
    server.addService({ ServerReflectionInfo: method }, { ServerReflectionInfo: handle });
  }
}

/** What the library adds to a server, by path of the method. */
function loadReflection(
  services: readonly string[],
  descriptorSets: readonly Uint8Array[],
): ReadonlyMap<string, Loaded> {
  const files = descriptorSets.flatMap(splitDescriptorSet);
  // The library reads nothing of a package definition but these files.
  const definition = { files: { format: '', type: {}, fileDescriptorProtos: files } };
  const loaded = new Map<string, Loaded>();
  const taker: Pick<Server, 'addService'> = {
    addService: (service, implementation) => {
      for (const [name, method] of Object.entries(service)) {
        const handle = implementation[method.originalName ?? name] ?? implementation[name];
        if (handle)
          loaded.set(method.path, { method, handle: handle as handleBidiStreamingCall<unknown, unknown> });
      }
    },
  };
  new ReflectionService(definition as unknown as PackageDefinition, { services: [...services] }).addToServer(
    taker,
  );
  return loaded;
}

/** The encoded FileDescriptorProtos of an encoded FileDescriptorSet, whose only field is `repeated file = 1`. */
export function splitDescriptorSet(set: Uint8Array): Buffer[] {
  const files: Buffer[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = set[at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('not a descriptor set');
  };
  while (at < set.length) {
    if (varint() !== 10) throw new Error('not a descriptor set');
    const length = varint();
    if (at + length > set.length) throw new Error('not a descriptor set');
    files.push(Buffer.from(set.subarray(at, at + length)));
    at += length;
  }
  return files;
}
