// test: timeout=420s serial
/**
 * flintlock's clients against a cloudlet: a microVM in each dialect, made of container images, whose guest tells what it was
 * told on its disk and at 169.254.169.254. The agent is killed while one is made and while one is deleted. In the end the host
 * is as it was.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  eventually,
  freePort,
  hostSnapshot,
  leftBehind,
  NOTHING_LEFT,
  ROOT,
  runCommand,
  runPythonClient,
  startAgent,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { archiveImage } from './image-archive.js';
import { containerImage } from './site.js';

const SCRIPT = fileURLToPath(new URL('./southbound-flintlock.py', import.meta.url));
const TOKEN = 's3cr3t-of-the-test';
const KERNEL = 'localhost/edgeplane/kernel:1.0';
const authorization = `Basic ${Buffer.from(TOKEN).toString('base64')}`;

/** What the init of our guests reads from its seed: the program asks for the metadata in its own turn. */
const USER_DATA = `instance=$(sed -n 's/^instance-id: //p' /seed/meta-data 2>/dev/null)
hostname=$(sed -n 's/^local-hostname: //p' /seed/meta-data 2>/dev/null)
user=
get() {
  { printf 'GET /latest/%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' "$1"; $box sleep 1; } |
    $box timeout 3 $box nc 169.254.169.254 80 | $box sed '1,/^\\r*$/d'
}
program() {
  box=/.edgeplane/busybox
  at=/sys/block/vdb
  [ -e $at/vdb1 ] && echo "data: $($box cat $at/vdb1/size $at/ro | $box tr '\\n' ' ')"
  told=
  while [ -z "$told" ]; do told=$(get meta-data/instance-id); done
  echo "told: $told"
  echo "secret: $(get cluster-name)"
  exec $box sleep 3600
}
`;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const METADATA = { 'user-data': base64(USER_DATA), 'cluster-name': base64('blue') };
const WORDS = {
  ...{ rdinit: '/init', quiet: '', 'net.ifnames': '0', nokaslr: '', mitigations: 'off', audit: '0' },
  ...{ no_timer_check: '', 'cryptomgr.notests': '', 'random.trust_cpu': 'on' },
};

test('microVMs of container images in both dialects', async () => {
  const before = await hostSnapshot('/tmp/ep-flintlock');
  const dir = tempDir('flintlock');
  const images = join(dir.path, 'images');
  mkdirSync(images);
  await containerImage(images);
  const built = await runCommand(join(ROOT, 'deploy/images/microvm/build.sh'), []);
  assert.is(built.code, 0, built.stderr);
  await archiveImage(built.stdout.trim().split(' ')[0] ?? '', KERNEL, images, dir.path);
  const layout = join(images, 'hello');
  const hello = join(images, 'localhost_edgeplane_hello_1.0.tar');
  const copied = await runCommand('skopeo', [
    ...['copy', '-q', '--insecure-policy', `docker-archive:${hello}`, `oci:${layout}:hello`],
  ]);
  assert.is(copied.code, 0, copied.stderr);
  const tokenFile = join(dir.path, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const flags = [
    ...['--platform', 'fakecloudlet', '--image-dir', images, '--flintlock-token-file', tokenFile],
    ...['--flintlock-addr', `127.0.0.1:${await freePort()}`, '--flintlock-2021-addr', '127.0.0.1:0'],
    ...['--flintlock-http-addr', '127.0.0.1:0', '--flintlock-delete-timeout', '20s', '--on-stop', 'stop'],
  ];
  const site = { operator: 'op', name: 'site' };
  const start = () => startAgent(dir.path, '127.0.0.1:1', site, flags);
  let agent = await start();
  const restart = async () => {
    agent.kill('SIGKILL');
    await agent.exited;
    agent = await start();
  };
  const python = <T>(dialect: 'current' | '2021', input: object) =>
    runPythonClient<T>({
      ...{ api: `flintlock-${dialect}`, script: SCRIPT, authorization, input },
      address: agent.addresses[`flintlock ${dialect}`] ?? '',
    });
  const http = async (method: string, path: string, headers: Record<string, string> = { authorization }) => {
    const answer = await fetch(`http://${agent.addresses['flintlock http']}${path}`, { method, headers });
    return { status: answer.status, text: await answer.text() };
  };
  const state = join(dir.path, 'agent-site/southbound/flintlock');
  const console = (uid: string) => readFileSync(join(state, 'machines/vms', uid, 'console.log'), 'utf8');
  const common = {
    ...{ namespace: 'ns0', vcpu: 1, memory_in_mb: 1024, metadata: METADATA },
    initrd: { image: KERNEL, filename: 'initrd' },
  };
  let failure: unknown;
  try {
    // The agent is killed as soon as the create is accepted.
    const rootVolume = { id: 'root', source: { container_source: `oci:${layout}` }, size_in_mb: 64 };
    const partition_id = '0fc63daf-8483-4772-8e79-0123456789ab';
    const data = { id: 'data', is_read_only: true, partition_id, size_in_mb: 16, mount_point: '/data' };
    const labels = { env: 'lab', 'edgeplane.io/request-id': 'r1' };
    const spec = {
      ...{ ...common, id: 'mvm0', labels, root_volume: rootVolume, additional_volumes: [data] },
      kernel: { image: KERNEL, filename: '/vmlinuz', cmdline: WORDS, add_network_config: true },
      // The zero of the type is MACVTAP: what hammertime sends.
      interfaces: [{ device_id: 'eth1' }],
      provider: 'qemu-microvm',
    };
    type Made = { uid: string; again: string; state: string };
    const { uid, again, state: first } = await python<Made>('current', { phase: 'create', spec });
    assert.equal([again, first], [uid, 'PENDING']);
    await restart();

    // biome-ignore lint/suspicious/noExplicitAny: an answer of another program
    const found = await python<any>('current', { phase: 'created', uid });
    assert.equal([found.named, found.streamed, found.all, found.unknown], [[uid], [uid], true, true]);
    assert.equal(found.vm.spec.labels, labels);
    assert.equal([found.vm.status.failure_reason, found.vm.status.retry], ['', 0]);
    assert.is(found.vm.status.network_interfaces.eth1.host_device_name, 'user');
    assert.ok(found.services.includes('microvm.services.api.v1alpha1.MicroVM') && found.health);
    assert.is(found.empty.details, 'invalid create microvm request: MicroVMSpec required');
    assert.is(found.bad.code, 'INVALID_ARGUMENT');
    assert.match(found.bad.details, "Key: 'MicroVM.Spec.Kernel.Image' Error:Field validation");
    assert.is(found.stranger.code, 'UNAUTHENTICATED');
    assert.is((await http('GET', `/v1alpha1/microvm/${uid}`, {})).status, 401);
    const shown = JSON.parse((await http('GET', `/v1alpha1/microvm/${uid}`)).text);
    assert.is(shown.microvm.status.state, 'CREATED');

    const volumes = [
      { id: 'root', is_root: true, mount_point: '/', source: { container_source: `oci:${layout}` } },
    ];
    const cmdline = `console=ttyS0 panic=1 ${Object.entries(WORDS)
      .map(([k, v]) => (v ? `${k}=${v}` : k))
      .join(' ')}`;
    const oldSpec = {
      ...{ ...common, id: 'mvm1', volumes },
      kernel: { image: KERNEL, filename: 'vmlinuz', cmdline },
      interfaces: [{ guest_device_name: 'eth0', type: 'TAP', allow_metadata_req: true }],
    };
    // biome-ignore lint/suspicious/noExplicitAny: an answer of another program
    const older = await python<any>('2021', { phase: 'old', spec: oldSpec });
    assert.equal([older.made, older.updated, older.listed], ['mvm1', [{ a: 'b' }, 1], 2]);
    assert.equal(older.twice, {
      ...{ code: 'ALREADY_EXISTS', details: 'creating microvm: microvm spec ns0/mvm1 already exists' },
    });
    const [other] = JSON.parse((await http('GET', '/v1alpha1/microvms?name=mvm1')).text).microvm;
    const otherUid: string = other.spec.uid;

    for (const [one, name] of [
      [uid, 'mvm0'],
      [otherUid, 'mvm1'],
    ] as const) {
      await eventually(
        `${name} tells what it was told`,
        async () => /secret: blue/.test(console(one)),
        180_000,
      );
      assert.match(console(one), `edgeplane: instance-id: ${one}`);
      assert.match(console(one), `edgeplane: hostname: ${name}`);
      assert.match(console(one), `told: ${one}`);
    }

    // A partition of 16 MiB, in sectors, on a disk that is read only.
    assert.match(console(uid), 'data: 32768 1');

    // A guest that dies is noticed, and comes back.
    const version = async () => JSON.parse((await http('GET', `/v1alpha1/microvm/${uid}`)).text).microvm;
    const was = (await version()).version;
    const pid = Number(readFileSync(join(state, 'machines/vms', uid, 'qemu.pid'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await eventually('it is back', async () => {
      const { status, version: now } = await version();
      return now >= was + 2 && status.state === 'CREATED';
    });

    // The agent is killed as soon as the deletion is accepted; the guest heeds its power button.
    assert.equal(await http('DELETE', `/v1alpha1/microvm/${uid}`), { status: 200, text: '{}' });
    await restart();
    const none = await python<{ code: string }>('2021', {
      phase: 'delete_old',
      name: { namespace: 'ns0', id: 'mvm1' },
    });
    assert.is(none.code, 'NOT_FOUND');
    const refusal = await python<{ code: string; details: string }>('current', { phase: 'gone', uid });
    assert.is(refusal.code, 'NOT_FOUND');
    assert.match(refusal.details, 'not found');
    const log = readFileSync(join(dir.path, 'agent-site.log'), 'utf8');
    assert.ok(!log.includes(TOKEN) && !log.includes(METADATA['user-data']), 'no secret in the log');
  } catch (error) {
    failure = error;
  }
  await agent.stop(60_000);
  assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
});

test.run();
