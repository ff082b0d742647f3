import { EdgeplaneError } from '@edgeplane/base';
import { Container, Pod } from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { podHash } from './pod-spec.js';
import { readPod } from './read-pod.js';

const OFFER = { limits: true, addresses: true };

/** `STATUS field` of the refusal of a pod; `fine` without one. */
function verdict(pod: object, offer = OFFER): string {
  try {
    readPod(Pod.fromPartial(pod), 'p', offer);
    return 'fine';
  } catch (error) {
    if (!(error instanceof EdgeplaneError)) throw error;
    return `${error.status} ${error.message.split(':')[0]}`;
  }
}

const container = (over: object) => ({ containers: [{ name: 'c', image: 'a', ...over }] });

test('each refusal names its field', () => {
  const cases: readonly (readonly [pod: object, verdict: string])[] = [
    [{}, 'fine'],
    [container({ name: '-c' }), 'INVALID_ARGUMENT pod.containers[0].name'],
    [container({ name: 'c_1' }), 'INVALID_ARGUMENT pod.containers[0].name'],
    [
      {
        containers: [
          { name: 'c', image: 'a' },
          { name: 'c', image: 'b' },
        ],
      },
      'INVALID_ARGUMENT pod.containers.name',
    ],
    [container({ image: '' }), 'INVALID_ARGUMENT pod.containers[0].image'],
    [container({ image: '../../etc/passwd' }), 'INVALID_ARGUMENT pod.containers[0].image'],
    [container({ image: 'docker-archive:/etc/shadow' }), 'INVALID_ARGUMENT pod.containers[0].image'],
    [container({ image: 'oci:/etc' }), 'INVALID_ARGUMENT pod.containers[0].image'],
    [container({ image: 'file:///etc/passwd' }), 'INVALID_ARGUMENT pod.containers[0].image'],
    [container({ image: 'a --privileged' }), 'INVALID_ARGUMENT pod.containers[0].image'],
    [container({ image: 'a', registry: 'r/../x' }), 'INVALID_ARGUMENT pod.containers[0].image'],
    [container({ image: 'a', registry: 'http://r' }), 'INVALID_ARGUMENT pod.containers[0].registry'],
    [container({ imageDigest: 'sha256:12' }), 'INVALID_ARGUMENT pod.containers[0].image_digest'],
    [container({ pullPolicy: 9 }), 'INVALID_ARGUMENT pod.containers[0].pull_policy'],
    [container({ workingDir: 'x/y' }), 'INVALID_ARGUMENT pod.containers[0].working_dir'],
    [container({ command: ['a\0b'] }), 'INVALID_ARGUMENT pod.containers[0].command[0]'],
    [container({ env: { 'A=B': '1' } }), 'INVALID_ARGUMENT pod.containers[0].env'],
    [container({ security: { user: '0; rm' } }), 'INVALID_ARGUMENT pod.containers[0].security.user'],
    [container({ security: { addCapabilities: ['net_raw'] } }), 'fine'],
    [
      container({ security: { addCapabilities: ['CAP_SYS_PTRACE'] } }),
      'PERMISSION_DENIED pod.containers[0].security.add_capabilities',
    ],
    [container({ liveness: {} }), 'INVALID_ARGUMENT pod.containers[0].liveness'],
    [
      container({ liveness: { action: { $case: 'tcpPort', value: 0 } } }),
      'INVALID_ARGUMENT pod.containers[0].liveness.tcp_port',
    ],
    [{ image: 'a', ...container({}) }, 'INVALID_ARGUMENT pod.image'],
    [{ image: 'a', registry: 'r:5000/x' }, 'fine'],
    [{ restartPolicy: 7 }, 'INVALID_ARGUMENT pod.restart_policy'],
    [{ stopGraceMs: 4_000_000_000 }, 'INVALID_ARGUMENT pod.stop_grace_ms'],
    [{ hostname: 'a.b' }, 'INVALID_ARGUMENT pod.hostname'],
    [{ labels: { 'a b': 'c' } }, 'INVALID_ARGUMENT pod.labels'],
    [{ resources: { memoryBytes: 5n } }, 'INVALID_ARGUMENT pod.resources.memory_bytes'],
    [{ resources: { memoryBytes: 1n << 60n } }, 'INVALID_ARGUMENT pod.resources.memory_bytes'],
    [{ resources: { cpuWeight: 10_001 } }, 'INVALID_ARGUMENT pod.resources.cpu_weight'],
    [{ resources: { cpuset: '0-' } }, 'INVALID_ARGUMENT pod.resources.cpuset'],
    [{ resources: { memoryHighBytes: 1n } }, 'FAILED_PRECONDITION pod.resources.memory_high_bytes'],
    [{ network: { mode: 2 } }, 'PERMISSION_DENIED pod.network.mode'],
    [{ network: { mode: 5 } }, 'INVALID_ARGUMENT pod.network.mode'],
    [{ network: { networkIds: ['x'] } }, 'FAILED_PRECONDITION pod.network.network_ids'],
    [{ network: { staticIp: '10.0.0.1' } }, 'FAILED_PRECONDITION pod.network.static_ip'],
    [{ network: { dns: { nameservers: ['x'] } } }, 'INVALID_ARGUMENT pod.network.dns.nameservers'],
    [{ network: { mode: 1, ports: [{ containerPort: 1 }] } }, 'INVALID_ARGUMENT pod.network.ports'],
    [
      { network: { ports: [{ containerPort: 1, protocol: 'sctp' }] } },
      'INVALID_ARGUMENT pod.network.ports[0].protocol',
    ],
    [
      {
        network: {
          ports: [
            { containerPort: 1, hostPort: 9 },
            { containerPort: 2, hostPort: 9 },
          ],
        },
      },
      'INVALID_ARGUMENT pod.network.ports[1].host_port',
    ],
    [{ volumes: [{ name: 'v', sizeBytes: 1n }] }, 'FAILED_PRECONDITION pod.volumes[0].size_bytes'],
    [{ volumes: [{ name: 'v', hostPath: '/' }] }, 'PERMISSION_DENIED pod.volumes[0].host_path'],
    [
      { volumes: [{ name: 'v' }], ...container({ mounts: [{ volume: 'v', path: '/a/../b' }] }) },
      'INVALID_ARGUMENT pod.containers[0].mounts[0].path',
    ],
    [{ isolation: 1 }, 'FAILED_PRECONDITION pod.isolation'],
    [{ cellName: 'x' }, 'FAILED_PRECONDITION pod.cell_name'],
    [{ userns: true }, 'FAILED_PRECONDITION pod.userns'],
  ];
  assert.equal(
    cases.map(([pod]) => verdict(pod)),
    cases.map(([, expected]) => expected),
  );
});

test('what a host cannot do is refused there, and not before', () => {
  assert.is(
    verdict({ resources: { pids: 5n } }, { ...OFFER, limits: false }),
    'FAILED_PRECONDITION pod.resources',
  );
  assert.is(verdict({ resources: {} }, { ...OFFER, limits: false }), 'fine');
  const probed = container({ readiness: { action: { $case: 'http', value: { port: 80, path: '' } } } });
  assert.is(
    verdict(probed, { ...OFFER, addresses: false }),
    'FAILED_PRECONDITION pod.containers[0].readiness.http.port',
  );
  assert.is(verdict(probed), 'fine');
});

test('no value of a secret is in a refusal', () => {
  try {
    readPod(Pod.fromPartial(container({ env: { KEY: 'hunter2\0' } })), 'p', OFFER);
    assert.unreachable();
  } catch (error) {
    assert.not.match((error as Error).message, 'hunter2');
  }
});

test('whatever comes, a pod is read or refused with a reason', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('a', '..', '/', '/etc/passwd', 'a\0', 'x'.repeat(5000), 'ü', '\n'),
  );
  const whole = fc.oneof(
    fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
    fc.constantFrom(0n, 1n, 1n << 30n),
  );
  const small = fc.oneof(fc.nat(70_000), fc.nat(0xffff_ffff));
  const resources = fc.record({
    cpuMillis: whole,
    memoryBytes: whole,
    pids: whole,
    cpuWeight: small,
    cpuset: text,
  });
  const containers = fc.array(
    fc
      .record({
        name: text,
        image: text,
        registry: text,
        command: fc.array(text),
        env: fc.dictionary(text, text),
        workingDir: text,
        resources,
      })
      .map((each) => Container.fromPartial(each)),
    { maxLength: 3 },
  );
  const ports = fc.array(fc.record({ protocol: text, containerPort: small, hostPort: small, hostIp: text }), {
    maxLength: 3,
  });
  const pod = fc
    .record({
      image: text,
      labels: fc.dictionary(text, text),
      containers,
      resources,
      hostname: text,
      network: fc.record({ ports }),
      stopGraceMs: small,
    })
    .map((each) => Pod.fromPartial(each as object));
  fc.assert(
    fc.property(pod, (each) => {
      try {
        const spec = readPod(each, 'p', OFFER);
        assert.is(
          podHash(JSON.parse(JSON.stringify(spec))),
          podHash(spec),
          'it is the same after it was kept on disk',
        );
      } catch (error) {
        if (!(error instanceof EdgeplaneError)) throw error;
        assert.ok(
          ['INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'PERMISSION_DENIED'].includes(error.status),
          error.message,
        );
        assert.ok(error.message.length < 1000, 'a refusal is short');
      }
    }),
    { numRuns: 300 },
  );
});

test.run();
