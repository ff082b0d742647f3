#!/usr/bin/env bash
# Builds what microVMs boot: a kernel and an initramfs that runs a container image's program. No disk: that is made of
# the container image itself.
#
#   build.sh [CACHE_DIR]        default: $EDGEPLANE_CACHE, else ~/.cache/edgeplane/images
#
# Progress goes to standard error. The last line on standard output is "<folder> <sha256>"; the folder holds vmlinuz,
# initrd and SHA256SUMS, and the digest is that of SHA256SUMS. The folder is named after a hash of everything that goes
# in, so a second run only prints that line. A file lock makes concurrent runs wait for the first; the folder appears by
# rename. No step needs root or mounts anything. Packages that are not installed are fetched with `apt-get download`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kind=microvm
# shellcheck source=../build-steps.sh
. "$here/../build-steps.sh"

need flock util-linux
need dpkg-deb dpkg
open_cache "$@"
kernel=$(archive_kernel)
[ -n "$kernel" ] || die "the archive index names no cloud kernel; run apt-get update"
release=${kernel#linux-image-}
packages=("$kernel" busybox-static cpio)
folder="$cache/edgeplane-microvm-$(input_key "${packages[@]}")"
finished() { [ -s "$folder/SHA256SUMS" ]; }
report() { printf '%s %s\n' "$folder" "$(sha256sum <"$folder/SHA256SUMS" | cut -d' ' -f1)"; }
begin

for p in "${packages[@]}"; do unpack "$p" "$work/pkg"; done

early="$work/early"
mkdir -p "$early"/{bin,lib,etc/acpi/PWRF}
cp "$work/pkg/bin/busybox" "$early/bin/busybox"
ln -s busybox "$early/bin/sh"
cp "$here/rootfs/init" "$early/init"
cp "$here/rootfs/dhcp" "$early/lib/dhcp"
cp "$here/rootfs/power-button" "$early/etc/acpi/PWRF/00000080"
copy_modules "$work/pkg/lib/modules/$release" "$early/lib" virtio_ring virtio virtio_mmio virtio_pci_legacy_dev \
  virtio_pci_modern_dev virtio_pci virtio_blk failover net_failover virtio_net virtio-rng fat vfat nls_cp437 nls_ascii mbcache \
  jbd2 crc16 ext4 button evdev

out="$work/out"
mkdir "$out"
initramfs "$early" "$work/pkg/bin/cpio" >"$out/initrd"
cp "$work/pkg/boot/vmlinuz-$release" "$out/vmlinuz"
(cd "$out" && sha256sum vmlinuz initrd >SHA256SUMS)
chmod 444 "$out"/*
sync "$out"/*
mv "$out" "$folder"
say "done, $(($(stat -c %s "$folder/initrd") / 1024)) KiB of initramfs"
report
