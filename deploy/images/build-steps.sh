# Sourced by the scripts that build images: the cache they share and the steps that are the same in each. The script has set
# `here`, its own folder, and `kind`, its name in the cache and in what it says.
#
# A result is named after a hash of everything that goes in, so a second run finds it. A file lock makes concurrent runs wait
# for the first; a result appears by rename, so it is never seen half-made.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
umask 022

say() { printf '%s image: %s\n' "$kind" "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}
# need PROGRAM PACKAGE
need() { command -v "$1" >/dev/null || die "$1 is missing; install the Debian package $2"; }

# open_cache [CACHE_DIR]: sets `cache`.
open_cache() {
  cache=${1:-${EDGEPLANE_CACHE:-${HOME:-/root}/.cache/edgeplane/images}}
  mkdir -p "$cache/debs"
  cache=$(cd "$cache" && pwd)
}

# The version of a package in the archive's index.
candidate() { apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true; }
version_of() { candidate "$1"; }

# The cloud kernel that the archive's metapackage names.
archive_kernel() {
  apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | sort -V | tail -n 1 || true
}

# input_key PACKAGE...: hash of the versions of packages, of the script and of the files beside it.
input_key() {
  local listing p v
  listing=$(
    for p in "$@"; do
      v=$(version_of "$p")
      [ -n "$v" ] || die "package $p is not in the archive index; run apt-get update"
      echo "$p $v"
    done
    sha256sum <"$here/../build-steps.sh"
    cd "$here" && find build.sh rootfs -type f -print | sort | xargs sha256sum
    find rootfs -type f -perm -u+x -print | sort
  )
  printf '%s\n' "$listing" | sha256sum | cut -c1-16
}

# begin: tells of the result and ends the script when there is one; else takes the lock and sets `work`, a directory that goes
# with the script. Asks the script's functions `finished` and `report`.
begin() {
  if finished; then
    say "cached"
    report
    exit 0
  fi
  exec 9>"$cache/.$kind.lock"
  flock 9
  if finished; then
    say "built meanwhile by another run"
    report
    exit 0
  fi
  # We hold the lock, so any work directory is what a killed run left.
  rm -rf "$cache/.$kind-work".*
  work=$(mktemp -d "$cache/.$kind-work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
}

# unpack PACKAGE DIRECTORY: fetches a package into the cache, and its files from there.
unpack() {
  local package=$1 version deb
  version=$(candidate "$package")
  deb="$cache/debs/${package}_${version//[:\/]/_}.deb"
  if [ ! -s "$deb" ]; then
    say "fetching $package $version"
    mkdir -p "$work/deb/$package"
    (cd "$work/deb/$package" && apt-get -o APT::Sandbox::User= download -q "$package=$version") >&2 ||
      die "apt-get could not download $package $version; run apt-get update"
    mv "$work/deb/$package"/*.deb "$deb"
  fi
  mkdir -p "$2"
  dpkg-deb -x "$deb" "$2"
}

# copy_modules FROM TO MODULE...: kernel modules in the order in which they can be loaded, a module after those it needs. FROM
# is the lib/modules/<release> of a kernel.
copy_modules() {
  local from=$1 to=$2 m path
  shift 2
  mkdir -p "$to"
  for m in "$@"; do
    path=$(find "$from" -name "$m.ko" | head -n 1)
    if [ -z "$path" ]; then
      grep -q "/$m\.ko$" "$from/modules.builtin" || die "kernel $(basename "$from") has no module $m"
      continue
    fi
    cp "$path" "$to/$m.ko"
    echo "$m.ko" >>"$to/order"
  done
}

# initramfs DIRECTORY CPIO: the archive of a directory, on standard output; the same bytes each time.
initramfs() {
  find "$1" -exec touch -h -d @0 {} +
  (cd "$1" && find . | sort | "$2" --quiet --reproducible -R 0:0 -o -H newc) | gzip -9n
}
