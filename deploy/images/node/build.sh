#!/usr/bin/env bash
# Builds the node of a VM cluster: a Debian system with podman and sshd on one disk, and the kernel it is booted with.
#
#   build.sh [CACHE_DIR]        default: $EDGEPLANE_CACHE, else ~/.cache/edgeplane/images
#
# Needs root: Debian's packages are installed in a chroot, with owners and device files. Progress goes to standard
# error. The last line on standard output is "<folder> <sha256>"; the folder holds disk.qcow2, vmlinuz, initrd and
# SHA256SUMS, and the digest is that of SHA256SUMS. The folder is named after a hash of everything that goes in: the files
# beside this script and the versions of the packages in the archive, so a second run only prints that line, and a newer
# package makes a newer image. A file lock makes concurrent runs wait for the first; the folder appears by rename.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${1:-${EDGEPLANE_CACHE:-${HOME:-/root}/.cache/edgeplane/images}}
suite=bookworm
disk_mib=2048
sources=(
  "deb http://deb.debian.org/debian $suite main"
  "deb http://deb.debian.org/debian-security $suite-security main"
)
# runc rather than crun, which needs a message bus to have its cgroups made by systemd.
packages=(systemd-sysv podman netavark aardvark-dns runc catatonit openssh-server iproute2 iptables
  ca-certificates kmod e2fsprogs busybox-static perl-base)

say() { printf 'node image: %s\n' "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}
need() { command -v "$1" >/dev/null || die "$1 is missing; install the Debian package $2"; }

need mmdebstrap mmdebstrap
need qemu-img qemu-utils
need mke2fs e2fsprogs
need flock util-linux
need cpio cpio
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

candidate() { apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true; }
kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
  sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | sort -V | tail -n 1) || true
[ -n "$kernel" ] || die "the archive index names no cloud kernel; run apt-get update"
release=${kernel#linux-image-}

inputs() {
  local p v
  for p in "$kernel" "${packages[@]}"; do
    v=$(candidate "$p")
    [ -n "$v" ] || die "package $p is not in the archive index; run apt-get update"
    echo "$p $v"
  done
  (cd "$here" && find build.sh rootfs -type f -print | sort | xargs sha256sum)
  (cd "$here" && find rootfs -type f -perm -u+x -print | sort)
}
listing=$(inputs)
key=$(printf '%s\n' "$listing" | sha256sum | cut -c1-16)
image="$cache/edgeplane-node-$key"

report() { printf '%s %s\n' "$image" "$(sha256sum "$image/SHA256SUMS" | cut -d' ' -f1)"; }

if [ -d "$image" ]; then
  say "cached"
  report
  exit 0
fi
exec 9>"$cache/.node.lock"
flock 9
if [ -d "$image" ]; then
  say "built meanwhile by another run"
  report
  exit 0
fi
[ "$(id -u)" = 0 ] || die "must run as root: a Debian system is installed in a chroot"

# We hold the lock, so any work directory is what a killed run left.
rm -rf "$cache"/.node-work.*
work=$(mktemp -d "$cache/.node-work.XXXXXX")
trap 'rm -rf "$work"' EXIT
root="$work/root"

say "building $image; this takes a minute or two"
say "fetching $kernel"
mkdir -p "$cache/debs" "$work/kernel"
version=$(candidate "$kernel")
deb="$cache/debs/${kernel}_${version//[:\/]/_}.deb"
if [ ! -s "$deb" ]; then
  (cd "$work/kernel" && apt-get -o APT::Sandbox::User= download -q "$kernel=$version") >&2 ||
    die "apt-get could not download $kernel $version; run apt-get update"
  mv "$work/kernel"/*.deb "$deb"
fi
dpkg-deb -x "$deb" "$work/kernel"

say "installing Debian $suite"
# Nothing of it has to survive a crash until the end, so dpkg need not wait for the disk after each file.
mmdebstrap --mode=root --variant=apt --format=directory --include="$(IFS=, && echo "${packages[*]}")" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$suite" "$root" "${sources[@]}" >&2 || die "mmdebstrap failed"

cp -R "$here/rootfs/." "$root/"
mkdir -p "$root/usr/lib/modules"
cp -R "$work/kernel/lib/modules/$release" "$root/usr/lib/modules/"
chroot "$root" depmod "$release"

# Made anew in each node: identities must not be shared.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/var/log/apt "$root"/usr/share/{bash-completion,lintian,bug}
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
: >"$root/etc/fstab"

# A node does nothing by itself: no updates, no checks, no logins but the agent's.
unit() { chroot "$root" systemctl -q "$@"; }
rm -rf "$root"/etc/systemd/system/{timers,getty,default}.target.wants "$root"/etc/systemd/system/multi-user.target.wants/e2scrub_reap.service
unit mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  dpkg-db-backup.timer podman-auto-update.timer podman-auto-update.service podman-restart.service \
  systemd-logind.service systemd-user-sessions.service systemd-pstore.service getty.target serial-getty@ttyS0.service \
  systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-random-seed.service \
  systemd-sysusers.service systemd-modules-load.service kmod-static-nodes.service systemd-tmpfiles-setup-dev.service \
  systemd-journal-flush.service modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service \
  modprobe@dm_mod.service systemd-fsck-root.service systemd-remount-fs.service systemd-machine-id-commit.service \
  systemd-binfmt.service proc-sys-fs-binfmt_misc.automount dev-hugepages.mount sys-kernel-tracing.mount \
  sys-kernel-debug.mount dev-mqueue.mount systemd-ask-password-console.path systemd-ask-password-wall.path
unit enable edgeplane-node-init.service edgeplane-power-button.service podman.socket podman.service ssh.service
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"

early="$work/early"
mkdir -p "$early"/{bin,dev,proc,mnt,lib}
cp "$root/bin/busybox" "$early/bin/busybox"
# In the order in which they can be loaded: a module comes after those it needs.
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
  path=$(find "$work/kernel/lib/modules" -name "$m.ko" | head -n 1)
  if [ -z "$path" ]; then
    grep -q "/$m\.ko$" "$work/kernel/lib/modules/$release/modules.builtin" || die "kernel $release has no module $m"
    continue
  fi
  cp "$path" "$early/lib/$m.ko"
  echo "$m.ko" >>"$early/lib/order"
done
mv "$root/usr/lib/edgeplane/early-init" "$early/init"
chmod 755 "$early/init"

result="$work/result"
mkdir "$result"
find "$early" -exec touch -h -d @0 {} +
(cd "$early" && find . | sort | cpio --quiet --reproducible -R 0:0 -o -H newc) | gzip -9n >"$result/initrd"
cp "$work/kernel/boot/vmlinuz-$release" "$result/vmlinuz"
say "writing the disk"
truncate -s "${disk_mib}M" "$work/disk.raw"
mke2fs -q -t ext4 -L edgeplane-node -O '^metadata_csum' -E lazy_itable_init=0,lazy_journal_init=0 -J size=16 -m 1 \
  -d "$root" "$work/disk.raw"
qemu-img convert -q -f raw -O qcow2 "$work/disk.raw" "$result/disk.qcow2"
(cd "$result" && sha256sum disk.qcow2 initrd vmlinuz >SHA256SUMS)
chmod 444 "$result"/*
sync -f "$result"
mv -T "$result" "$image"
say "done, $(du -sm "$image" | cut -f1) MiB"
report
