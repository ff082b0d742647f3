#!/usr/bin/env bash
# Builds the Edgeplane guest: a small bootable qcow2 disk made of Debian packages and the files beside this script.
#
#   build.sh [CACHE_DIR]        default: $EDGEPLANE_CACHE, else ~/.cache/edgeplane/images
#
# Progress goes to standard error. The last line on standard output is "<path> <sha256>".
# The result is named after a hash of everything that goes in, so a second run only prints that line. A file lock
# makes concurrent runs wait for the first; the image appears by rename, so it is never seen half-made. No step
# needs root or mounts anything. Packages that are not installed are fetched with `apt-get download` into the cache.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kind=guest
# shellcheck source=../build-steps.sh
. "$here/../build-steps.sh"

disk_mib=256
start_sector=2048

need qemu-img qemu-utils
need mke2fs e2fsprogs
need flock util-linux
need dpkg-deb dpkg
open_cache "$@"

installed() { dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null | sed -n 's/^installed //p' || true; }
# What is installed is taken as it is.
version_of() {
  local v
  v=$(installed "$1")
  echo "${v:-$(candidate "$1")}"
}

# The newest installed cloud kernel that is complete, else the one the archive's metapackage names.
kernel_package() {
  local found
  found=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-image-*-cloud-amd64' 2>/dev/null |
    sed -n 's/^installed \(linux-image-[0-9].*\)/\1/p' | sort -V | tail -n 1) || found=
  if [ -n "$found" ] && [ -r "/boot/vmlinuz-${found#linux-image-}" ]; then
    echo "$found"
    return
  fi
  archive_kernel
}

kernel=$(kernel_package)
[ -n "$kernel" ] || die "no cloud kernel is installed and the archive index names none; run apt-get update"
release=${kernel#linux-image-}
packages=("$kernel" busybox-static grub-common grub-pc-bin cpio)

image="$cache/edgeplane-guest-$(input_key "${packages[@]}").qcow2"
finished() { [ -s "$image" ] && [ -s "$image.sha256" ]; }
report() { printf '%s %s\n' "$image" "$(cut -d' ' -f1 "$image.sha256")"; }
begin

# Where a package's files are: "/" when it is installed, else its unpacked download.
unpacked() {
  local package=$1 dir="$work/pkg/$1"
  if [ -n "$(installed "$package")" ]; then
    echo /
    return
  fi
  [ -d "$dir" ] || unpack "$package" "$dir"
  echo "$dir"
}

kernel_root=$(unpacked "$kernel")
busybox="$(unpacked busybox-static)/bin/busybox"
grub_root=$(unpacked grub-common)
grub_dir="$(unpacked grub-pc-bin)/usr/lib/grub/i386-pc"
cpio="$(unpacked cpio)/bin/cpio"
modules="$kernel_root/lib/modules/$release"

boot_modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio
  virtio_blk)
root_modules=(failover net_failover virtio_net virtio-rng virtio_balloon virtio_console virtio_mem fat vfat nls_cp437 nls_ascii cdrom isofs
  button evdev)

say "building $image"
root="$work/root"
mkdir -p "$root"/{bin,sbin,boot,dev,proc,sys,run,tmp,root,var/lib/cloud,var/log,srv/www,usr/bin,usr/sbin,lib}
cp -R "$here/rootfs/." "$root/"
cp "$busybox" "$root/bin/busybox"
"$busybox" --list | while read -r applet; do
  [ "$applet" = busybox ] || ln -s /bin/busybox "$root/bin/$applet"
done
ln -s /bin/busybox "$root/sbin/init"
ln -s /run "$root/var/run"
copy_modules "$modules" "$root/lib/modules/$release" "${root_modules[@]}"
# udp-echo is a static program of a few instructions, listed with its assembly in the .hex file.
sed 's/#.*//' "$root/usr/lib/edgeplane/udp-echo.hex" | "$busybox" xxd -r -p >"$root/usr/sbin/udp-echo"
chmod 755 "$root/usr/sbin/udp-echo"

early="$work/early"
mkdir -p "$early"/{bin,dev,proc,mnt}
cp "$busybox" "$early/bin/busybox"
copy_modules "$modules" "$early/lib" "${boot_modules[@]}"
cp "$root/usr/lib/edgeplane/early-init" "$early/init"
chmod 755 "$early/init"
initramfs "$early" "$cpio" >"$root/boot/initrd"
cp "$kernel_root/boot/vmlinuz-$release" "$root/boot/vmlinuz"
find "$root" -exec touch -h -d @0 {} +

# Disk: boot sector, GRUB core image in the gap, one ext4 partition to the end.
disk="$work/disk.raw"
sectors=$((disk_mib * 2048 - start_sector))
truncate -s "${disk_mib}M" "$disk"
fs_options="offset=$((start_sector * 512)),hash_seed=6564676e-706c-416e-8567-756573740002"
fs_options+=",lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"
E2FSPROGS_FAKE_TIME=1 mke2fs -q -t ext4 -L edgeplane -U 6564676e-706c-416e-8567-756573740001 -N 4096 -J size=4 \
  -O '^metadata_csum,^64bit' -E "$fs_options" -d "$root" "$disk" "$((sectors / 2))k"

# Not random: the cloud kernel starts sooner without boot-time self tests, and a guest has nothing to probe on old buses.
cat >"$work/grub.cfg" <<CFG
linux /boot/vmlinuz root=/dev/vda1 console=ttyS0 quiet loglevel=4 net.ifnames=0 panic=5 random.trust_cpu=on nokaslr mitigations=off no_timer_check cryptomgr.notests i8042.noaux i8042.nopnp audit=0
initrd /boot/initrd
boot
CFG
"$grub_root/usr/bin/grub-mkimage" -O i386-pc -d "$grub_dir" -p '(,msdos1)/boot' -c "$work/grub.cfg" \
  -o "$work/core.img" biosdisk part_msdos ext2 linux
[ "$(stat -c %s "$work/core.img")" -lt $(((start_sector - 1) * 512)) ] || die "the GRUB core does not fit before the partition"
dd if="$grub_dir/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
# Partition entry 1 (active, type 83, no CHS) and the boot signature.
printf '\x80\xfe\xff\xff\x83\xfe\xff\xff'"$(le32 "$start_sector")$(le32 "$sectors")" |
  dd of="$disk" bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of="$disk" bs=1 seek=510 conv=notrunc status=none

qemu-img convert -q -f raw -O qcow2 "$disk" "$work/image.qcow2"
(cd "$work" && sha256sum image.qcow2) | sed "s/image.qcow2/$(basename "$image")/" >"$work/image.sha256"
chmod 444 "$work/image.qcow2"
sync "$work/image.qcow2" "$work/image.sha256"
# The same kernel and initramfs for machines that boot them directly, with root=/dev/vda1.
cp "$root/boot/vmlinuz" "${image%.qcow2}.vmlinuz"
cp "$root/boot/initrd" "${image%.qcow2}.initrd"
mv "$work/image.sha256" "$image.sha256"
mv "$work/image.qcow2" "$image"
say "done, $(($(stat -c %s "$image") / 1048576)) MiB"
report
