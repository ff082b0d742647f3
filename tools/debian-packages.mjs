// Debian packages that the running system and its tests need, and how to get them. Plain JavaScript: it runs before
// anything is installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

/** Packages by purpose: `probe` is a file that the package brings. */
export const PACKAGES = {
  runtime: [
    { name: 'podman', probe: '/usr/bin/podman', without: 'container instances are simulated' },
    { name: 'catatonit', probe: '/usr/bin/catatonit', without: 'container instances are simulated' },
    { name: 'netavark', probe: '/usr/lib/podman/netavark', without: 'container instances are simulated' },
    {
      name: 'aardvark-dns',
      probe: '/usr/lib/podman/aardvark-dns',
      without: 'container instances are simulated',
    },
    { name: 'crun', probe: '/usr/bin/crun', without: 'container instances are simulated' },
    { name: 'runc', probe: '/usr/sbin/runc', without: 'container instances are simulated' },
    { name: 'conmon', probe: '/usr/bin/conmon', without: 'container instances are simulated' },
    {
      name: 'golang-github-containers-common',
      probe: '/etc/containers/policy.json',
      without: 'container instances are simulated',
    },
    { name: 'iproute2', probe: '/sbin/ip', without: 'container instances are simulated' },
    { name: 'iptables', probe: '/usr/sbin/iptables', without: 'container instances are simulated' },
    {
      name: 'qemu-system-x86',
      probe: '/usr/bin/qemu-system-x86_64',
      without: 'virtual machines are simulated',
    },
    { name: 'qemu-utils', probe: '/usr/bin/qemu-img', without: 'virtual machines are simulated' },
    { name: 'nginx', probe: '/usr/sbin/nginx', without: 'HTTP ports are not reached' },
    // A storage pool can be on ext4 without these two.
    {
      name: 'btrfs-progs',
      probe: '/usr/bin/btrfs',
      without: 'storage pools shrink offline, without snapshots',
    },
    { name: 'xfsprogs', probe: '/usr/sbin/mkfs.xfs', without: 'there are no storage pools on xfs' },
    { name: 'e2fsprogs', probe: '/sbin/mke2fs', without: 'there are no storage pools on ext4' },
    {
      name: 'libnginx-mod-stream',
      probe: '/usr/lib/nginx/modules/ngx_stream_module.so',
      without: 'HTTP ports are not reached',
    },
  ],
  images: [
    { name: 'busybox-static', probe: '/bin/busybox', without: 'no sample images are built' },
    { name: 'cpio', probe: '/usr/bin/cpio', without: 'no sample images are built' },
    { name: 'zstd', probe: '/usr/bin/zstd', without: 'no sample images are built' },
    { name: 'xz-utils', probe: '/usr/bin/xz', without: 'no sample images are built' },
    { name: 'e2fsprogs', probe: '/sbin/mke2fs', without: 'no sample images are built' },
    { name: 'mmdebstrap', probe: '/usr/bin/mmdebstrap', without: 'no image of cluster nodes is built' },
    // The boot loader's image builder is linked against it.
    {
      name: 'libdevmapper1.02.1',
      probe: '/usr/lib/x86_64-linux-gnu/libdevmapper.so.1.02.1',
      without: 'no sample images are built',
    },
  ],
  test: [
    { name: 'etcd-server', probe: '/usr/bin/etcd', without: 'store tests on etcd fail' },
    { name: 'nats-server', probe: '/usr/sbin/nats-server', without: 'bus tests on NATS fail' },
    { name: 'influxdb', probe: '/usr/bin/influxd', without: 'tests of written samples fail' },
    // The container engine's fallback network, which its tests run too.
    { name: 'slirp4netns', probe: '/usr/bin/slirp4netns', without: 'tests of the fallback network fail' },
    {
      name: 'docker-registry',
      probe: '/usr/bin/docker-registry',
      without: 'tests of pulled images fail',
    },
    // Put into a guest.
    {
      name: 'qemu-guest-agent',
      probe: '/usr/sbin/qemu-ga',
      without: 'the test with a real guest agent fails',
    },
    { name: 'skopeo', probe: '/usr/bin/skopeo', without: 'tests of pulled images fail' },
    { name: 'git', probe: '/usr/bin/git', without: 'the house-rule check and the clean-clone test fail' },
    { name: 'openssl', probe: '/usr/bin/openssl', without: 'TLS tests fail' },
    { name: 'curl', probe: '/usr/bin/curl', without: 'the examples of the match engine are not tried' },
    {
      name: 'python3-grpcio',
      probe: '/usr/lib/python3/dist-packages/grpc/__init__.py',
      without: 'tests of southbound APIs with an independent client fail',
    },
    {
      name: 'python3-protobuf',
      probe: '/usr/lib/python3/dist-packages/google/protobuf/__init__.py',
      without: 'tests of southbound APIs with an independent client fail',
    },
    {
      name: 'protobuf-compiler',
      probe: '/usr/bin/protoc',
      without: 'tests of southbound APIs with an independent client fail',
    },
    // The protos that APIs import.
    {
      name: 'libprotobuf-dev',
      probe: '/usr/include/google/protobuf/any.proto',
      without: 'tests of southbound APIs with an independent client fail',
    },
    { name: 'procps', probe: '/bin/ps', without: 'leak checks fail' },
  ],
};

/** Packages of the given purposes whose probe file is not there. */
export function missingPackages(purposes) {
  return purposes.flatMap((p) => PACKAGES[p]).filter((pkg) => !existsSync(pkg.probe));
}

/** How packages can be installed here: as root, through sudo without a question, or not at all. */
function installer() {
  if (!existsSync('/usr/bin/apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

/** The image builders download packages, which needs the lists of them. */
function havePackageLists() {
  const dir = '/var/lib/apt/lists';
  return (
    !existsSync('/usr/bin/apt-get') ||
    (existsSync(dir) && readdirSync(dir).some((f) => f.includes('Packages')))
  );
}

/**
 * Installs what is missing. Returns what still is; the caller decides whether it can go on.
 * Package services are not started: the project starts its own processes.
 */
export function installPackages(purposes, log) {
  const missing = missingPackages(purposes);
  if (missing.length === 0 && havePackageLists()) return [];
  const prefix = installer();
  if (!prefix) return missing;
  const names = missing.map((pkg) => pkg.name);
  log(
    names.length > 0
      ? `installing Debian packages: ${names.join(' ')}`
      : 'fetching the lists of Debian packages',
  );
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const apt = (...args) => {
    const [command, ...rest] = [...prefix, 'apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args];
    execFileSync(command, rest, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  try {
    apt('update');
    if (names.length > 0) apt('install', '--no-install-recommends', ...names);
  } catch (error) {
    log(
      `apt-get failed: ${String(error.stderr ?? error.message)
        .trim()
        .split('\n')
        .slice(-3)
        .join(' | ')}`,
    );
  }
  return missingPackages(purposes);
}
