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
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kind=node
# shellcheck source=../build-steps.sh
. "$here/../build-steps.sh"

suite=bookworm
disk_mib=2048
sources=(
  "deb http://deb.debian.org/debian $suite main"
  "deb http://deb.debian.org/debian-security $suite-security main"
)
# runc rather than crun, which needs a message bus to have its cgroups made by systemd.
packages=(systemd-sysv podman netavark aardvark-dns runc catatonit openssh-server iproute2 iptables
  ca-certificates kmod e2fsprogs busybox-static perl-base)

need mmdebstrap mmdebstrap
need qemu-img qemu-utils
need mke2fs e2fsprogs
need flock util-linux
need cpio cpio
open_cache "$@"
kernel=$(archive_kernel)
[ -n "$kernel" ] || die "the archive index names no cloud kernel; run apt-get update"
release=${kernel#linux-image-}
image="$cache/edgeplane-node-$(input_key "$kernel" "${packages[@]}")"
finished() { [ -d "$image" ]; }
report() { printf '%s %s\n' "$image" "$(sha256sum "$image/SHA256SUMS" | cut -d' ' -f1)"; }
begin
[ "$(id -u)" = 0 ] || die "must run as root: a Debian system is installed in a chroot"
root="$work/root"

say "building $image; this takes a minute or two"
unpack "$kernel" "$work/kernel"

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
mkdir -p "$early"/{bin,dev,proc,mnt}
cp "$root/bin/busybox" "$early/bin/busybox"
copy_modules "$work/kernel/lib/modules/$release" "$early/lib" virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev \
  virtio_pci virtio_blk
mv "$root/usr/lib/edgeplane/early-init" "$early/init"
chmod 755 "$early/init"

result="$work/result"
mkdir "$result"
initramfs "$early" cpio >"$result/initrd"
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
