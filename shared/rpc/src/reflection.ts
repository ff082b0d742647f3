import { DESCRIPTOR_SET_BASE64 } from '@edgeplane/proto/descriptor-set.js';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];

/** FileDescriptorSet of the core APIs. */
export function coreDescriptorSet(): Uint8Array {
  return Buffer.from(DESCRIPTOR_SET_BASE64, 'base64');
}

/** Adds server reflection (v1 and v1alpha) that lists `services`, full names found in the descriptor sets. */
export function addReflection(
  server: Server,
  services: readonly string[],
  descriptorSets: readonly Uint8Array[],
): void {
  const files = descriptorSets.flatMap(splitDescriptorSet);
  // The library reads nothing of a package definition but these files.
  const definition = { files: { format: '', type: {}, fileDescriptorProtos: files } };
  new ReflectionService(definition as unknown as PackageDefinition, { services: [...services] }).addToServer(
    server,
  );
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
