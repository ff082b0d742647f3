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
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${1:-${EDGEPLANE_CACHE:-${HOME:-/root}/.cache/edgeplane/images}}

say() { printf 'microvm: %s\n' "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}
mkdir -p "$cache/debs"
cache=$(cd "$cache" && pwd)

candidate() { apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true; }
kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
  sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | sort -V | tail -n 1 || true)
[ -n "$kernel" ] || die "the archive index names no cloud kernel; run apt-get update"
release=${kernel#linux-image-}
packages=("$kernel" busybox-static cpio)

listing=$(
  for p in "${packages[@]}"; do
    v=$(candidate "$p")
    [ -n "$v" ] || die "package $p is not in the archive index; run apt-get update"
    echo "$p $v"
  done
  cd "$here" && find build.sh rootfs -type f -print | sort | xargs sha256sum
)
key=$(printf '%s\n' "$listing" | sha256sum | cut -c1-16)
folder="$cache/edgeplane-microvm-$key"
report() { printf '%s %s\n' "$folder" "$(sha256sum <"$folder/SHA256SUMS" | cut -d' ' -f1)"; }
finished() { [ -s "$folder/SHA256SUMS" ]; }

if finished; then
  say "cached"
  report
  exit 0
fi
exec 9>"$cache/.microvm.lock"
flock 9
if finished; then
  say "built meanwhile by another run"
  report
  exit 0
fi

# We hold the lock, so any work directory is what a killed run left.
rm -rf "$cache"/.microvm-work.*
work=$(mktemp -d "$cache/.microvm-work.XXXXXX")
trap 'rm -rf "$work"' EXIT

for p in "${packages[@]}"; do
  version=$(candidate "$p")
  deb="$cache/debs/${p}_${version//[:\/]/_}.deb"
  if [ ! -s "$deb" ]; then
    say "fetching $p $version"
    mkdir -p "$work/deb/$p"
    (cd "$work/deb/$p" && apt-get -o APT::Sandbox::User= download -q "$p=$version") >&2 ||
      die "apt-get could not download $p $version; run apt-get update"
    mv "$work/deb/$p"/*.deb "$deb"
  fi
  dpkg-deb -x "$deb" "$work/pkg"
done

early="$work/early"
mkdir -p "$early"/{bin,lib,etc/acpi/PWRF}
cp "$work/pkg/bin/busybox" "$early/bin/busybox"
ln -s busybox "$early/bin/sh"
cp "$here/rootfs/init" "$early/init"
cp "$here/rootfs/dhcp" "$early/lib/dhcp"
cp "$here/rootfs/power-button" "$early/etc/acpi/PWRF/00000080"
# In the order in which they can be loaded: a module comes after those it needs.
for m in virtio_ring virtio virtio_mmio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover \
  net_failover virtio_net virtio-rng fat vfat nls_cp437 nls_ascii mbcache jbd2 crc16 ext4 button evdev; do
  path=$(find "$work/pkg/lib/modules/$release" -name "$m.ko" | head -n 1)
  if [ -n "$path" ]; then
    cp "$path" "$early/lib/$m.ko"
    echo "$m.ko" >>"$early/lib/order"
  else
    grep -q "/$m\.ko$" "$work/pkg/lib/modules/$release/modules.builtin" || die "kernel $release has no module $m"
  fi
done
find "$early" -exec touch -h -d @0 {} +

out="$work/out"
mkdir "$out"
(cd "$early" && find . | sort | "$work/pkg/bin/cpio" --quiet --reproducible -R 0:0 -o -H newc) | gzip -9n >"$out/initrd"
cp "$work/pkg/boot/vmlinuz-$release" "$out/vmlinuz"
(cd "$out" && sha256sum vmlinuz initrd >SHA256SUMS)
chmod 444 "$out"/*
sync "$out"/*
mv "$out" "$folder"
say "done, $(($(stat -c %s "$folder/initrd") / 1024)) KiB of initramfs"
report
